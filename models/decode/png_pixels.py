"""The pixels of an ordinary PNG in a quarter of Pillow's time; of any other, and of what is wrong, Pillow has to tell.

Pillow's wheels leave inflating to the zlib of the machine, and unfilter byte by byte: 10 ms for a phone's screenshot.
libdeflate takes an eighth of zlib's time, and is as strict: a stream that is not complete, or whose Adler-32 is wrong,
is refused.
"""

from collections.abc import Sequence
from math import ceil

from PIL import Image, ImageFile

from models.decode.raster import SIDEWAYS, Raster
from models.native.crc32 import DeflateError, zlib_decompress
from models.native.rows import average, unfilter
from models.recipe import Recipe

CHANNELS_BY_MODE = {"L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4}
MAX_BYTES = 96 << 20  # bytes: Pillow needs no second copy of an enormous picture


def quick_raster(
    opened: ImageFile.ImageFile, stream: Sequence[memoryview], recipe: Recipe, orientation: int
) -> Raster | None:
    """What `opened.load()` would give, of the contents of all IDAT chunks, averaged where the recipe allows that; None
    where that has to be called.

    Raises MemoryError.
    """
    width, height = opened.size
    channels = CHANNELS_BY_MODE.get(opened.mode, 0)
    row, size = width * channels, (width * channels + 1) * height
    tile = opened.tile[0] if opened.tile else None
    if tile is None or tile.args != opened.mode or "interlace" in opened.info or not 0 < size <= MAX_BYTES:
        return None
    try:
        rows = zlib_decompress(b"".join(stream), size)
    except DeflateError:
        return None
    if len(rows) != size:
        return None
    kind, colours = opened.palette.getdata() if opened.palette else ("RGB", b"")
    factors = _reduce_factors(opened, recipe, orientation) if kind == "RGB" else (1, 1)
    if factors == (1, 1):
        made: bytes | bool = unfilter(rows, row, channels)
    else:
        made = average(rows, width, channels, *factors, bytes(colours))
    if made is False:
        return None
    if made is not True:
        return Raster(_reduced_image(opened, made, factors), width, height, averaged=factors)
    image = Image.frombuffer(opened.mode, opened.size, rows, "raw", opened.mode, 0, 1)
    image.palette, image.info = opened.palette, opened.info
    return Raster(image, width, height)


def _reduce_factors(opened: ImageFile.ImageFile, recipe: Recipe, orientation: int) -> tuple[int, int]:
    """By how many whole pixels `fit` would average this picture if it is opaque; (1, 1) where only `fit` can tell."""
    if opened.mode == "LA" or "transparency" in opened.info or recipe.visible(*opened.size):
        return 1, 1
    return recipe.averaged(*opened.size, recipe.stored(*opened.size, orientation in SIDEWAYS))


def _reduced_image(opened: ImageFile.ImageFile, made: bytes, factors: tuple[int, int]) -> Image.Image:
    mode, raw = ("L", "L") if opened.mode == "L" else ("RGB", "RGBX")
    size = (ceil(opened.width / factors[0]), ceil(opened.height / factors[1]))
    return Image.frombytes(mode, size, made, "raw", raw)
