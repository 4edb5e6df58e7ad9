"""JPEG: first a walk over every bit of its scans, then a decode by libjpeg-turbo with warnings treated as faults.

The walk (entropy.c) finds and locates faults that libjpeg ignores; libjpeg is the second, independent check. An image
is decoded by the walk alone, and not read twice, if it is to be shrunk and the walk found nothing that could make
libjpeg warn.
"""

import re
from math import ceil

import simplejpeg
from PIL import Image

from models.decode.decoder_errors import decode_error
from models.decode.exif import read_exif
from models.decode.jpeg.checks import check_walk, describe_trailer, preview_fault, suspicion
from models.decode.jpeg.entropy import walk_jpeg
from models.decode.jpeg.header import JpegHeader, read_header
from models.decode.pillow_plugins import open_with_plugin
from models.decode.pixel_digest import pixel_crc
from models.decode.raster import SIDEWAYS, Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason
from models.recipe import Recipe

HUFFMAN_PROCESSES = frozenset({0xC0, 0xC1, 0xC2})  # baseline, extended, progressive; all with Huffman codes
COLOURSPACE_BY_CHANNELS = {1: "GRAY", 3: "RGBX", 4: "CMYK"}  # RGBX: Pillow uses four bytes per pixel, too
# Warnings about metadata only, which intact files in the wild cause. The image is verified by a second strict decode
# without the metadata. More than 16 stray bytes between two segments mean that something was overwritten there.
METADATA_WARNING = re.compile(
    r"bad ICC marker|unknown JFIF revision|Unknown Adobe color"
    r"|Corrupt JPEG data: (?:1[0-6]|[1-9]) extraneous bytes before"
)
UNKNOWN_SUBSAMPLING = "Could not determine subsampling"


def decode_jpeg(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the image, shrunk if the recipe allows. Raises DecodeError, or ValueError with libjpeg's message."""
    header = read_header(data)
    check_pixel_count(header.width, header.height, max_pixels)
    if header.precision != 8:
        raise DecodeError(RejectReason.UNSUPPORTED, f"JPEG of {header.precision} bits per channel")
    orientation = read_exif(header.exif).orientation if header.exif else 1
    min_size = _min_size(header, orientation, recipe)
    walk = walk_jpeg(data, max_pixels, _eighths(header, min_size, data))
    if walk:
        check_walk(walk, header, len(data))
    walked = walk.pixels if walk else None
    try:
        image, note = (_image_from_walk(*walked), "") if walked else _decode_with_libjpeg(data, header, min_size)
    except ValueError as error:
        rejection = decode_error(error)
        if rejection.reason is RejectReason.UNSUPPORTED and header.process in HUFFMAN_PROCESSES:
            raise DecodeError(RejectReason.DAMAGED, rejection.detail) from error  # libjpeg supports these processes
        raise
    suspect = (suspicion(walk, header) if walk else "") or preview_fault(data, header)
    trailing, known = describe_trailer(data, walk.end) if walk and walk.ended else ("", True)
    if trailing and known:
        note = f"{note}; {trailing}" if note else trailing
    elif trailing:
        suspect = suspect or trailing
    decoder = "walk" if walked else f"simplejpeg {simplejpeg.__version__}"
    crc = None
    if walked:
        _, width, height, pixels = walked
        crc = pixel_crc((width, height), pixels)
    return Raster(image, header.width, header.height, orientation, header.exif, note, suspect, decoder, crc=crc)


def _min_size(header: JpegHeader, orientation: int, recipe: Recipe) -> tuple[int, int]:
    """Return (height, width) of stored pixels below which the decoder must not shrink; (0, 0): it must not at all."""
    factor = recipe.scaled_jpeg
    if factor <= 0 or header.process not in HUFFMAN_PROCESSES:  # TurboJPEG crashes on shrinking a lossless JPEG
        return 0, 0
    width, height = recipe.stored_size(header.width, header.height, orientation in SIDEWAYS)
    return ceil(height * factor), ceil(width * factor)


def _eighths(header: JpegHeader, min_size: tuple[int, int], data: bytes) -> int:
    """Return the size in eighths at which the walk should decode the pixels; 0: leave them to libjpeg."""
    min_height, min_width = min_size
    for eighths in (1, 2, 4, 8):
        if 0 < min_height <= ceil(header.height * eighths / 8) and min_width <= ceil(header.width * eighths / 8):
            return eighths if header.is_ordinary(data) else 0
    return 0


def _image_from_walk(channels: int, width: int, height: int, pixels: bytes) -> Image.Image:
    mode, layout = ("L", "L") if channels == 1 else ("RGB", "RGBX")
    return Image.frombytes(mode, (width, height), pixels, "raw", layout)


def _decode_with_libjpeg(data: bytes, header: JpegHeader, min_size: tuple[int, int]) -> tuple[Image.Image, str]:
    if header.components not in COLOURSPACE_BY_CHANNELS:
        return _decode_lenient(data, header)
    try:
        return _decode_strict(data, header.components, min_size), ""
    except ValueError as error:
        if UNKNOWN_SUBSAMPLING in str(error):
            return _decode_lenient(data, header)
        if not METADATA_WARNING.search(str(error)):
            raise
        warning = str(error)
    # Only libjpeg can tell whether the rest is intact: repeat the strict decode on the segments that carry the image.
    bare = header.without_metadata(data)
    return _decode_strict(bare, header.components, min_size), f"metadata fault: {warning}"


def _decode_strict(data: bytes, components: int, min_size: tuple[int, int]) -> Image.Image:
    height, width = min_size
    # A factor below 2 has no SIMD transform and takes longer than the full decode (measured: 1.0 against 0.67 ms).
    shrink = {"min_height": height, "min_width": width, "min_factor": 2} if height else {}
    pixels = simplejpeg.decode_jpeg(data, COLOURSPACE_BY_CHANNELS[components], strict=True, **shrink)
    if components == 1:
        return Image.fromarray(pixels[:, :, 0])
    if components == 4:  # Adobe stores ink inverted, and so do all other writers of four channels
        return Image.frombuffer("CMYK", pixels.shape[1::-1], 255 - pixels, "raw", "CMYK", 0, 1)
    return Image.frombytes("RGB", pixels.shape[1::-1], pixels, "raw", "RGBX")


def _decode_lenient(data: bytes, header: JpegHeader) -> tuple[Image.Image, str]:
    """Decode channel layouts that TurboJPEG refuses. Pillow ignores warnings, so check for the end marker first."""
    if data.find(b"\xff\xd9", header.scan) < 0:
        raise DecodeError(RejectReason.TRUNCATED, "no end-of-image marker")
    image = open_with_plugin("JpegImagePlugin", "JpegImageFile", data)
    image.load()
    return image, ""
