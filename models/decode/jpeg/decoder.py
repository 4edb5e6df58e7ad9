"""JPEG: every bit of its scans is walked first; then libjpeg-turbo decodes it, with its warnings as faults.

The walk (entropy.c) sees what libjpeg passes over, and where; libjpeg is the second, independent judge. Only a picture
that is to be shrunk, and in which the walk met nothing at all that libjpeg could mind, is not read twice: the walk
makes its pixels.
"""

import re
from math import ceil

import simplejpeg
from PIL import Image

from models.decode.decoder_errors import decode_error
from models.decode.exif import read_exif
from models.decode.jpeg.checks import check_walk, preview_fault, suspicion, trailer
from models.decode.jpeg.entropy import walk_jpeg
from models.decode.jpeg.header import JpegHeader, read_header
from models.decode.pillow_plugins import open_with_plugin
from models.decode.pixel_digest import pixel_crc
from models.decode.raster import SIDEWAYS, Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason
from models.recipe import Recipe

HUFFMAN_PROCESSES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; all with Huffman codes
COLOURSPACE_BY_CHANNELS = {1: "GRAY", 3: "RGBX", 4: "CMYK"}  # RGBX: Pillow has four bytes a pixel as well
# Complaints about metadata only: seen in sound files in the wild. The picture is proved by a second strict decode
# without the metadata. More stray bytes than that between two segments mean that something there was overwritten.
METADATA_WARNING = re.compile(
    r"bad ICC marker|unknown JFIF revision|Unknown Adobe color"
    r"|Corrupt JPEG data: (?:1[0-6]|[1-9]) extraneous bytes before"
)
UNKNOWN_SUBSAMPLING = "Could not determine subsampling"


def decode_jpeg(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit or ValueError with libjpeg's own words."""
    header = read_header(data)
    check_pixel_count(header.width, header.height, max_pixels)
    if header.precision != 8:
        raise DecodeError(RejectReason.UNSUPPORTED, f"JPEG of {header.precision} bits a channel")
    orientation = read_exif(header.exif).orientation if header.exif else 1
    least = _min_size(header, orientation, recipe)
    walk = walk_jpeg(data, max_pixels, _eighths(header, least, data))
    if walk:
        check_walk(walk, header, len(data))
    painted = walk.pixels if walk else None
    try:
        image, note = (_image_from_walk(*painted), "") if painted else _decode_with_libjpeg(data, header, least)
    except ValueError as error:
        unfit = decode_error(error)
        if unfit.reason is RejectReason.UNSUPPORTED and header.process in HUFFMAN_PROCESSES:
            raise DecodeError(RejectReason.DAMAGED, unfit.detail) from error  # the header promised what libjpeg can do
        raise
    suspect = (suspicion(walk, header) if walk else "") or preview_fault(data, header)
    behind, known = trailer(data, walk) if walk else ("", True)
    if behind and known:
        note = f"{note}; {behind}" if note else behind
    elif behind:
        suspect = suspect or behind
    maker = "walk" if painted else f"simplejpeg {simplejpeg.__version__}"
    summed = pixel_crc(image.size, painted[3]) if painted else None
    return Raster(image, header.width, header.height, orientation, header.exif, note, suspect, maker, sum=summed)


def _min_size(header: JpegHeader, orientation: int, recipe: Recipe) -> tuple[int, int]:
    """(height, width) of stored pixels below which the decoder must not shrink; (0, 0) = not at all."""
    factor = recipe.scaled_jpeg
    if factor <= 0 or header.process not in HUFFMAN_PROCESSES:  # TurboJPEG crashes when told to shrink a lossless JPEG
        return 0, 0
    width, height = recipe.stored(header.width, header.height, orientation in SIDEWAYS)
    return ceil(height * factor), ceil(width * factor)


def _eighths(header: JpegHeader, least: tuple[int, int], data: bytes) -> int:
    """The size in eighths that the walk is to paint; 0: libjpeg's matter."""
    for eighths in (1, 2, 4, 8):
        if 0 < least[0] <= ceil(header.height * eighths / 8) and least[1] <= ceil(header.width * eighths / 8):
            return eighths if header.ordinary(data) else 0
    return 0


def _image_from_walk(channels: int, width: int, height: int, pixels: bytes) -> Image.Image:
    mode, layout = ("L", "L") if channels == 1 else ("RGB", "RGBX")
    return Image.frombytes(mode, (width, height), pixels, "raw", layout)


def _decode_with_libjpeg(data: bytes, header: JpegHeader, least: tuple[int, int]) -> tuple[Image.Image, str]:
    if header.components not in COLOURSPACE_BY_CHANNELS:
        return _decode_lenient(data, header)
    try:
        return _decode_strict(data, header.components, least), ""
    except ValueError as error:
        if UNKNOWN_SUBSAMPLING in str(error):
            return _decode_lenient(data, header)
        if not METADATA_WARNING.search(str(error)):
            raise
        words = str(error)
    # Only libjpeg can say whether the rest is sound: the same strict decode, over the segments that carry the picture.
    bare = header.without_metadata(data)
    return _decode_strict(bare, header.components, least), f"metadata fault: {words}"


def _decode_strict(data: bytes, components: int, least: tuple[int, int]) -> Image.Image:
    height, width = least
    # A factor under 2 has no SIMD transform and takes longer than the full decode (measured: 1.0 against 0.67 ms).
    shrink = {"min_height": height, "min_width": width, "min_factor": 2} if height else {}
    pixels = simplejpeg.decode_jpeg(data, COLOURSPACE_BY_CHANNELS[components], strict=True, **shrink)
    if components == 1:
        return Image.fromarray(pixels[:, :, 0])
    if components == 4:  # Adobe stores ink inverted, and so does everybody who writes four channels
        return Image.frombuffer("CMYK", pixels.shape[1::-1], 255 - pixels, "raw", "CMYK", 0, 1)
    return Image.frombytes("RGB", pixels.shape[1::-1], pixels, "raw", "RGBX")


def _decode_lenient(data: bytes, header: JpegHeader) -> tuple[Image.Image, str]:
    """Channel layouts that TurboJPEG refuses: Pillow's decoder, which ignores warnings, so the end must be there."""
    if data.find(b"\xff\xd9", header.scan) < 0:
        raise DecodeError(RejectReason.TRUNCATED, "no end-of-image marker")
    image = open_with_plugin("JpegImagePlugin", "JpegImageFile", data)
    image.load()
    return image, ""
