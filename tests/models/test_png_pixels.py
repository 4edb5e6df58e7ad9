"""The quick way to a PNG's pixels gives Pillow's, and leaves to Pillow what is not ordinary or not sound."""

import random
import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import pytest
from PIL import Image

from models.png import SIGNATURE, decode_png, walk
from models.png_pixels import quick_pixels
from models.recipe import Recipe
from models.rows import unfilter

COLOURS = {"L": 0, "RGB": 2, "P": 3, "LA": 4, "RGBA": 6}
CHANNELS = {"L": 1, "RGB": 3, "P": 1, "LA": 2, "RGBA": 4}
RECIPE = Recipe(8, 8)


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(mode: str, width: int, height: int, stream: bytes, *, between: bytes = b"", extra: bytes = b"") -> bytes:
    head = struct.pack(">IIBBBBB", width, height, 8, COLOURS[mode], 0, 0, 0)
    palette = chunk(b"PLTE", bytes(range(256)) * 3) if mode == "P" else b""
    half = len(stream) // 2
    body = chunk(b"IDAT", stream[:half]) + between + chunk(b"IDAT", stream[half:])
    return SIGNATURE + chunk(b"IHDR", head) + palette + extra + body + chunk(b"IEND", b"")


def rows(mode: str, width: int, height: int, filters: list[int]) -> bytes:
    """Random bytes mean something under every filter."""
    chance = random.Random(f"{mode} {width} {height}")
    return b"".join(
        bytes([filters[y % len(filters)]]) + chance.randbytes(width * CHANNELS[mode]) for y in range(height)
    )


def quick(data: bytes) -> Image.Image | None:
    return quick_pixels(Image.open(BytesIO(data)), walk(data).stream)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", COLOURS)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 7), (3, 5), (7, 11), (64, 40), (131, 23)])
@pytest.mark.parametrize("filters", [[0], [1], [2], [3], [4], [4, 0, 3, 1, 2], [2, 4, 4, 3]])
def test_the_same_pixels_as_pillow(mode: str, size: tuple[int, int], filters: list[int]) -> None:
    data = png(mode, *size, zlib.compress(rows(mode, *size, filters)))
    ours, theirs = quick(data), Image.open(BytesIO(data))
    assert ours is not None
    assert (ours.mode, ours.size, ours.tobytes()) == (theirs.mode, theirs.size, theirs.tobytes())
    assert ours.convert("RGBA").tobytes() == theirs.convert("RGBA").tobytes()


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
def test_what_is_not_sound_is_left_to_pillow(spoil: Callable[[bytes], bytes]) -> None:
    assert quick(png("RGB", 20, 20, spoil(rows("RGB", 20, 20, [1])))) is None


def test_what_is_not_ordinary_is_left_to_pillow() -> None:
    stream = zlib.compress(rows("RGB", 20, 20, [1]))
    assert quick(png("RGB", 20, 20, stream, between=chunk(b"tEXt", b"a\0b"))) is None
    sixteen, paper = BytesIO(), BytesIO()
    Image.new("I;16", (20, 20), 300).save(sixteen, "PNG")
    Image.new("1", (20, 20), 1).save(paper, "PNG")
    assert quick(sixteen.getvalue()) is None
    assert quick(paper.getvalue()) is None


def test_a_picture_in_pieces_is_one_picture() -> None:
    """Its verdict is still the decoder's."""
    stream = zlib.compress(rows("RGB", 20, 20, [4]))
    whole = decode_png(png("RGB", 20, 20, stream), RECIPE, 1000)
    assert whole.image.tobytes() == Image.open(BytesIO(png("RGB", 20, 20, stream))).tobytes()


def test_sizes_that_do_not_fit_are_refused() -> None:
    for size, bpp in ((0, 1), (3, 2), (3, 5), (4, 0), (-1, 1)):
        assert not unfilter(bytearray(8), size, bpp)
    assert not unfilter(bytearray(7), 3, 3)
    assert unfilter(bytearray(8), 3, 3)
