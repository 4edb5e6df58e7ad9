"""A decoder of ordinary PNGs that takes a quarter of Pillow's time; Pillow decodes all others and reports all faults.

Pillow's wheels use the machine's zlib and unfilter byte by byte: 10 ms for a phone's screenshot. libdeflate takes an
eighth of zlib's time and is as strict: it refuses an incomplete stream and a wrong Adler-32. Without this module and
models/native/rows.c, decoding and embedding photos, screenshots and memes takes 1.4 times the CPU seconds.
"""

from collections.abc import Sequence
from math import ceil

from PIL import Image, ImageFile

from models.decode.raster import SIDEWAYS, Raster
from models.native.crc32 import DeflateError, zlib_decompress
from models.native.rows import average, unfilter
from models.recipe import Recipe

CHANNELS_BY_MODE = {"L": 1, "P": 1, "LA": 2, "RGB": 3, "RGBA": 4}
MAX_BYTES = 96 << 20  # leave larger images to Pillow, which needs no second copy


def quick_raster(
    opened: ImageFile.ImageFile, idat: Sequence[memoryview], recipe: Recipe, orientation: int
) -> Raster | None:
    """Decode the contents of all IDAT chunks as `opened.load()` would, reduced if the recipe allows; None: call that.

    Raises MemoryError.
    """
    width, height = opened.size
    channels = CHANNELS_BY_MODE.get(opened.mode, 0)
    row_bytes, size = width * channels, (width * channels + 1) * height
    tile = opened.tile[0] if opened.tile else None
    if tile is None or tile.args != opened.mode or "interlace" in opened.info or not 0 < size <= MAX_BYTES:
        return None
    try:
        rows = zlib_decompress(b"".join(idat), size)
    except DeflateError:
        return None
    if len(rows) != size:
        return None
    kind, colours = opened.palette.getdata() if opened.palette else ("RGB", b"")
    factors = _reduce_factors(opened, recipe, orientation) if kind == "RGB" else (1, 1)
    if factors == (1, 1):
        result: bytes | bool = unfilter(rows, row_bytes, channels)
    else:
        result = average(rows, width, channels, *factors, bytes(colours))
    if result is False:
        return None
    if result is not True:
        return Raster(_reduced_image(opened, result, factors), width, height, reduction=factors)
    image = Image.frombuffer(opened.mode, opened.size, rows, "raw", opened.mode, 0, 1)
    image.palette, image.info = opened.palette, opened.info
    return Raster(image, width, height)


def _reduce_factors(opened: ImageFile.ImageFile, recipe: Recipe, orientation: int) -> tuple[int, int]:
    """Return the factors by which `fit` would reduce this image if it is opaque; (1, 1) if only `fit` can tell."""
    if opened.mode == "LA" or "transparency" in opened.info or recipe.visible_box(*opened.size):
        return 1, 1
    return recipe.reduce_factors(*opened.size, recipe.stored_size(*opened.size, orientation in SIDEWAYS))


def _reduced_image(opened: ImageFile.ImageFile, pixels: bytes, factors: tuple[int, int]) -> Image.Image:
    mode, raw = ("L", "L") if opened.mode == "L" else ("RGB", "RGBX")
    size = (ceil(opened.width / factors[0]), ceil(opened.height / factors[1]))
    return Image.frombytes(mode, size, pixels, "raw", raw)
