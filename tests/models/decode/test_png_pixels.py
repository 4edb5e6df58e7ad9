"""The quick PNG decoder gives Pillow's pixels, and leaves unusual and faulty files to Pillow."""

import random
import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from models.decode.pillow_plugins import load_raster
from models.decode.png import PNG_SIGNATURE, decode_png, read_chunks
from models.decode.png_pixels import quick_raster
from models.fit import preprocess
from models.native.rows import average, unfilter
from models.recipe import Recipe

COLOURS = {"L": 0, "RGB": 2, "P": 3, "LA": 4, "RGBA": 6}
CHANNELS = {"L": 1, "RGB": 3, "P": 1, "LA": 2, "RGBA": 4}
EXACT = Recipe(8, 8)
AVERAGED = Recipe(8, 8, scaled_jpeg=1.0)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(
    mode: str, width: int, height: int, stream: bytes, *, between: bytes = b"", extra: bytes = b"", colours: int = 256
) -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, COLOURS[mode], 0, 0, 0)
    palette = chunk(b"PLTE", (bytes(range(256)) * 3)[: 3 * colours]) if mode == "P" else b""
    half = len(stream) // 2
    body = chunk(b"IDAT", stream[:half]) + between + chunk(b"IDAT", stream[half:])
    return PNG_SIGNATURE + chunk(b"IHDR", head) + palette + extra + body + chunk(b"IEND", b"")


def rows(mode: str, width: int, height: int, filters: list[int]) -> bytes:
    """Return rows of random bytes, which are valid under every filter."""
    chance = random.Random(f"{mode} {width} {height}")
    return b"".join(
        bytes([filters[y % len(filters)]]) + chance.randbytes(width * CHANNELS[mode]) for y in range(height)
    )


def quick(data: bytes, recipe: Recipe = EXACT) -> Image.Image | None:
    raster = quick_raster(Image.open(BytesIO(data)), read_chunks(data)[2], recipe, 1)  # type: ignore[arg-type]
    return raster.image if raster else None


@pytest.mark.parametrize("mode", COLOURS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 7), (3, 5), (7, 11), (64, 40), (131, 23)])
@pytest.mark.parametrize("filters", [[0], [1], [2], [3], [4], [4, 0, 3, 1, 2], [2, 4, 4, 3]])
def test_pixels_equal_those_of_pillow(mode: str, size: tuple[int, int], filters: list[int]) -> None:
    data = png(mode, *size, zlib.compress(rows(mode, *size, filters)))
    ours, theirs = quick(data), Image.open(BytesIO(data))
    assert ours is not None
    assert (ours.mode, ours.size, ours.tobytes()) == (theirs.mode, theirs.size, theirs.tobytes())
    assert ours.convert("RGBA").tobytes() == theirs.convert("RGBA").tobytes()


def fitted(data: bytes, recipe: Recipe, *, slowly: bool) -> tuple[bytes, bytes]:
    """Return the model's pixels and the digest, decoded quickly or by Pillow."""
    raster = load_raster(Image.open(BytesIO(data)), 10**8) if slowly else decode_png(data, recipe, 10**8)  # type: ignore[arg-type]
    pixels, digest, _ = preprocess(raster, recipe)
    return pixels.tobytes(), digest


@pytest.mark.parametrize("mode", COLOURS)
@pytest.mark.parametrize("size", [(64, 40), (131, 23), (17, 400), (47, 49), (16, 16)])
@pytest.mark.parametrize("opaque", [False, True])
def test_reduced_pixels_equal_those_of_pillow(mode: str, size: tuple[int, int], opaque: bool) -> None:
    stream = rows(mode, *size, [0])
    if opaque and mode in ("LA", "RGBA"):
        row = size[0] * CHANNELS[mode] + 1
        stream = b"".join(
            stream[at : at + 1] + clear(stream[at + 1 : at + row], CHANNELS[mode]) for at in range(0, len(stream), row)
        )
    data = png(mode, *size, zlib.compress(stream))
    assert fitted(data, AVERAGED, slowly=False) == fitted(data, AVERAGED, slowly=True)


def clear(row: bytes, channels: int) -> bytes:
    """Return the row with every pixel opaque."""
    return bytes(255 if at % channels == channels - 1 else value for at, value in enumerate(row))


def test_indices_beyond_the_palette_are_black() -> None:
    """Pillow shows indices without a colour in black; such a file is unusual, not damaged."""
    data = png("P", 60, 60, zlib.compress(rows("P", 60, 60, [0])), colours=9)
    raster = decode_png(data, AVERAGED, 10**6)
    assert raster.reduction == (3, 3)
    assert raster.image.tobytes() == Image.open(BytesIO(data)).convert("RGB").reduce(3).tobytes()


def test_a_sideways_image_is_reduced_as_stored() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    written = BytesIO()
    Image.effect_noise((90, 40), 60).convert("RGB").save(written, "PNG", exif=exif)
    recipe = Recipe(16, 8, scaled_jpeg=1.0)
    assert decode_png(written.getvalue(), recipe, 10**6).reduction == (2, 2)
    assert fitted(written.getvalue(), recipe, slowly=False) == fitted(written.getvalue(), recipe, slowly=True)


def test_invalid_reduction_factors_are_refused() -> None:
    for width, bpp, across, down in ((0, 1, 2, 2), (3, 2, 2, 2), (4, 3, 2, 2), (1, 3, 0, 2), (1, 3, 2, 257)):
        assert average(bytearray(8), width, bpp, across, down, b"") is False
    assert average(bytearray(8), 1, 3, 2, 2, bytes(768)) is False
    assert average(bytearray(8), 3, 1, 2, 2, b"") == bytes(2)
    assert average(bytearray(b"\5" + bytes(7)), 3, 1, 2, 2, b"") is False


def test_an_image_that_is_not_opaque_is_unfiltered() -> None:
    data, same = bytearray(rows("RGBA", 9, 9, [4])), bytearray(rows("RGBA", 9, 9, [4]))
    assert average(data, 9, 4, 2, 2, b"") is True
    assert unfilter(same, 36, 4)
    assert data[: 36 * 9] == same[: 36 * 9]


def test_a_transparent_colour_stays_transparent() -> None:
    for mode, clear in (("P", b"\x07" * 9), ("L", b"\0\x11"), ("RGB", b"\0\1\0\2\0\3")):
        data = png(mode, 40, 40, zlib.compress(rows(mode, 40, 40, [0])), extra=chunk(b"tRNS", clear))
        ours, theirs = quick(data), Image.open(BytesIO(data))
        assert ours is not None
        assert ours.convert("RGBA").tobytes() == theirs.convert("RGBA").tobytes()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda raw: zlib.compress(raw)[:-1] + b"?",  # another Adler-32
        lambda raw: zlib.compress(raw)[:-9],
        lambda raw: zlib.compress(raw[:-1]),
        lambda raw: zlib.compress(raw + b"\0"),
        lambda raw: zlib.compress(b"\5" + raw[1:]),
        lambda raw: b"not deflated at all",
    ],
)
def test_faulty_streams_are_left_to_pillow(spoil: Callable[[bytes], bytes]) -> None:
    assert quick(png("RGB", 20, 20, spoil(rows("RGB", 20, 20, [1])))) is None


def test_unusual_pngs_are_left_to_pillow() -> None:
    stream = zlib.compress(rows("RGB", 20, 20, [1]))
    assert quick(png("RGB", 20, 20, stream, between=chunk(b"tEXt", b"a\0b"))) is None
    sixteen, paper = BytesIO(), BytesIO()
    Image.new("I;16", (20, 20), 300).save(sixteen, "PNG")
    Image.new("1", (20, 20), 1).save(paper, "PNG")
    assert quick(sixteen.getvalue()) is None
    assert quick(paper.getvalue()) is None


def test_several_idat_chunks_are_joined() -> None:
    """The checks are the same as for one chunk."""
    stream = zlib.compress(rows("RGB", 20, 20, [4]))
    whole = decode_png(png("RGB", 20, 20, stream), EXACT, 1000)
    assert whole.image.tobytes() == Image.open(BytesIO(png("RGB", 20, 20, stream))).tobytes()


def test_sizes_that_do_not_fit_are_refused() -> None:
    for size, bpp in ((0, 1), (3, 2), (3, 5), (4, 0), (-1, 1)):
        assert not unfilter(bytearray(8), size, bpp)
    assert not unfilter(bytearray(7), 3, 3)
    assert unfilter(bytearray(8), 3, 3)
