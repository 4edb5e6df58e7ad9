"""JPEG: every bit of its scans is walked first; then libjpeg-turbo decodes it, with its warnings as faults.

The walk (entropy.c) sees what libjpeg passes over, and where; libjpeg is the second, independent judge. Only a picture
that is to be shrunk, and in which the walk met nothing at all that libjpeg could mind, is not read twice: the walk
makes its pixels.
"""

import re
from math import ceil

import simplejpeg
from PIL import Image

from models.decode.decoder_errors import fault
from models.decode.jpeg.checks import check_previews, check_walk, suspicion, trailer
from models.decode.jpeg.entropy import walk_jpeg
from models.decode.jpeg.header import JpegHeader, read_header
from models.decode.pillow_plugins import open_plain
from models.decode.pixel_digest import sized_sum
from models.decode.raster import SIDEWAYS, Raster, check_pixels
from models.decode.reason import Reason, Unfit
from models.metadata.exif import read_exif
from models.recipe import Recipe

COMMON = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; all with Huffman codes
COLOURS = {1: "GRAY", 3: "RGBX", 4: "CMYK"}  # RGBX: Pillow has four bytes a pixel as well
# Complaints about metadata only: seen in sound files in the wild. The picture is proved by a second strict decode
# without the metadata. More stray bytes than that between two segments mean that something there was overwritten.
HARMLESS = re.compile(
    r"bad ICC marker|unknown JFIF revision|Unknown Adobe color"
    r"|Corrupt JPEG data: (?:1[0-6]|[1-9]) extraneous bytes before"
)
ODD_SAMPLING = "Could not determine subsampling"


def decode_jpeg(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit or ValueError with libjpeg's own words."""
    header = read_header(data)
    check_pixels(header.width, header.height, max_pixels)
    if header.precision != 8:
        raise Unfit(Reason.UNSUPPORTED, f"JPEG of {header.precision} bits a channel")
    orientation = read_exif(header.exif).orientation if header.exif else 1
    least = _least(header, orientation, recipe)
    walk = walk_jpeg(data, max_pixels, _eighths(header, least, data))
    if walk:
        check_walk(walk, header, len(data))
    painted = walk.pixels if walk else None
    try:
        image, note = (_painted(*painted), "") if painted else _decode(data, header, least)
    except ValueError as error:
        unfit = fault(error)
        if unfit.reason is Reason.UNSUPPORTED and header.process in COMMON:
            raise Unfit(Reason.DAMAGED, unfit.detail) from error  # the header promised what libjpeg can do
        raise
    suspect = (suspicion(walk, header) if walk else "") or check_previews(data, header)
    behind, known = trailer(data, walk) if walk else ("", True)
    if behind and known:
        note = f"{note}; {behind}" if note else behind
    elif behind:
        suspect = suspect or behind
    maker = "walk" if painted else f"simplejpeg {simplejpeg.__version__}"
    summed = sized_sum(image.size, painted[3]) if painted else None
    return Raster(image, header.width, header.height, orientation, header.exif, note, suspect, maker, sum=summed)


def _least(header: JpegHeader, orientation: int, recipe: Recipe) -> tuple[int, int]:
    """(height, width) of stored pixels below which the decoder must not shrink; (0, 0) = not at all."""
    factor = recipe.scaled_jpeg
    if factor <= 0 or header.process not in COMMON:  # TurboJPEG crashes when told to shrink a lossless JPEG
        return 0, 0
    width, height = recipe.stored(header.width, header.height, orientation in SIDEWAYS)
    return ceil(height * factor), ceil(width * factor)


def _eighths(header: JpegHeader, least: tuple[int, int], data: bytes) -> int:
    """The size in eighths that the walk is to paint; 0: libjpeg's matter."""
    for eighths in (1, 2, 4, 8):
        if 0 < least[0] <= ceil(header.height * eighths / 8) and least[1] <= ceil(header.width * eighths / 8):
            return eighths if header.ordinary(data) else 0
    return 0


def _painted(channels: int, width: int, height: int, pixels: bytes) -> Image.Image:
    mode, layout = ("L", "L") if channels == 1 else ("RGB", "RGBX")
    return Image.frombytes(mode, (width, height), pixels, "raw", layout)


def _decode(data: bytes, header: JpegHeader, least: tuple[int, int]) -> tuple[Image.Image, str]:
    if header.components not in COLOURS:
        return _leniently(data, header)
    try:
        return _strictly(data, header.components, least), ""
    except ValueError as error:
        if ODD_SAMPLING in str(error):
            return _leniently(data, header)
        if not HARMLESS.search(str(error)):
            raise
        words = str(error)
    # Only libjpeg can say whether the rest is sound: the same strict decode, over the segments that carry the picture.
    bare = header.without_metadata(data)
    return _strictly(bare, header.components, least), f"metadata fault: {words}"


def _strictly(data: bytes, components: int, least: tuple[int, int]) -> Image.Image:
    height, width = least
    # A factor under 2 has no SIMD transform and takes longer than the full decode (measured: 1.0 against 0.67 ms).
    shrink = {"min_height": height, "min_width": width, "min_factor": 2} if height else {}
    pixels = simplejpeg.decode_jpeg(data, COLOURS[components], strict=True, **shrink)
    if components == 1:
        return Image.fromarray(pixels[:, :, 0])
    if components == 4:  # Adobe stores ink inverted, and so does everybody who writes four channels
        return Image.frombuffer("CMYK", pixels.shape[1::-1], 255 - pixels, "raw", "CMYK", 0, 1)
    return Image.frombytes("RGB", pixels.shape[1::-1], pixels, "raw", "RGBX")


def _leniently(data: bytes, header: JpegHeader) -> tuple[Image.Image, str]:
    """Channel layouts that TurboJPEG refuses: Pillow's decoder, which ignores warnings, so the end must be there."""
    if data.find(b"\xff\xd9", header.scan) < 0:
        raise Unfit(Reason.TRUNCATED, "no end-of-image marker")
    image = open_plain("JpegImagePlugin", "JpegImageFile", data)
    image.load()
    return image, ""
