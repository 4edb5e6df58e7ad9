"""Every pixel mode is converted to the colour that a person would see."""

import struct
import zlib
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from models.decode.colour import flatten
from models.decode.reason import DecodeError, RejectReason
from models.picture import Recipe, read_picture
from tests.support.image_samples import saved

WHITE, GREEN = (255, 255, 255), (0, 255, 0)
ONE = Recipe(4, 4, "squash", "nearest", 0, GREEN)


def colour(data: bytes, recipe: Recipe = ONE) -> tuple[int, ...]:
    """Return the colour of a single-coloured image."""
    pixels = read_picture(data, recipe).pixels.reshape(-1, 3)
    assert (pixels == pixels[0]).all()
    return tuple(int(c) for c in pixels[0])


def near(actual: tuple[int, ...], expected: tuple[int, ...], by: int = 4) -> bool:
    return all(abs(a - b) <= by for a, b in zip(actual, expected, strict=True))


def flat(mode: str, value: object) -> Image.Image:
    return Image.new(mode, (6, 6), value)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        (flat("RGBA", (255, 0, 0, 255)), (255, 0, 0)),
        (flat("RGBA", (255, 0, 0, 0)), GREEN),
        (flat("RGBA", (255, 0, 0, 128)), (128, 127, 0)),
        (flat("LA", (200, 255)), (200, 200, 200)),
        (flat("LA", (200, 0)), GREEN),
        (flat("1", 1), WHITE),
        (flat("L", 77), (77, 77, 77)),
        (flat("P", 0), (0, 0, 0)),
    ],
)
def test_png(image: Image.Image, expected: tuple[int, int, int]) -> None:
    assert near(colour(saved(image, "PNG")), expected, 1)


@pytest.mark.parametrize(("stored", "shown"), [(0, 0), (65535, 255), (257 * 90, 90), (257 * 90 + 128, 90), (1000, 4)])
def test_sixteen_bits_are_rounded(stored: int, shown: int) -> None:
    image = Image.fromarray(np.full((6, 6), stored, np.uint16))
    for kind in ("PNG", "TIFF"):
        assert colour(saved(image, kind)) == (shown,) * 3
    big_endian = Image.frombytes("I;16B", (6, 6), struct.pack(">H", stored) * 36)
    assert np.asarray(flatten(big_endian, WHITE)).flat[0] == shown


@pytest.mark.parametrize(
    ("value", "shown"), [(0.5, 128), (1.0, 255), (200.0, 200), (51400.0, 200), (float("nan"), 0), (-3.0, 0)]
)
def test_floating_point_without_a_stated_range(value: float, shown: int) -> None:
    image = Image.fromarray(np.full((6, 6), value, np.float32))
    assert near(colour(saved(image, "TIFF")), (shown,) * 3, 1)


def test_transparent_colour_key_and_palette() -> None:
    assert colour(saved(flat("RGB", (9, 8, 7)), "PNG", transparency=(9, 8, 7))) == GREEN
    image = flat("P", 3)
    image.putpalette(bytes(range(48)))
    assert colour(saved(image, "PNG", transparency=3)) == GREEN
    assert colour(saved(image, "PNG", transparency=bytes([255, 255, 255, 0]))) == GREEN
    assert colour(saved(image, "GIF", transparency=3, optimize=False)) == GREEN
    assert colour(saved(image, "PNG")) == (9, 10, 11)


def test_cmyk() -> None:
    """Decode cyan ink as Photoshop writes it: inverted, with Adobe's marker."""
    assert near(colour(saved(flat("CMYK", (255, 0, 0, 0)), "JPEG", quality=95)), (0, 255, 255))
    assert near(colour(saved(flat("CMYK", (0, 0, 0, 255)), "TIFF")), (0, 0, 0))


def test_lab() -> None:
    grey = Image.frombytes("LAB", (6, 6), bytes([138, 0, 0]) * 36)
    assert near(colour(saved(grey, "TIFF")), (129, 129, 129), 6)
    red, green, _ = colour(saved(Image.frombytes("LAB", (6, 6), bytes([138, 80, 67]) * 36), "TIFF"))
    assert red > 200
    assert green < 40


def test_interlaced_and_sixteen_bit_colour_png() -> None:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    row = b"\0" + struct.pack(">HHH", 257 * 200, 257 * 100, 257 * 50) * 2
    for interlaced, rows in ((0, row * 2), (1, b"\0" + row[1:7] + b"\0" + row[1:7] + row)):
        head = struct.pack(">IIBBBBB", 2, 2, 16, 2, 0, 0, interlaced)
        body = chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
        assert colour(b"\x89PNG\r\n\x1a\n" + body) == (200, 100, 50)


def test_an_unknown_mode_is_rejected() -> None:
    odd = SimpleNamespace(mode="XYZ", info={})
    with pytest.raises(DecodeError) as caught:
        flatten(odd, WHITE)  # type: ignore[arg-type]
    assert caught.value.reason is RejectReason.UNSUPPORTED
