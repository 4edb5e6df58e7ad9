"""PCX: a magic number of one byte, so that the other fields of its header must be possible as well."""

from struct import unpack_from

from PIL import ImageChops

from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster
from models.decode.reason import DecodeError, RejectReason
from models.recipe import Recipe

HEADER_BYTES = 128  # bytes
VERSIONS = (0, 2, 3, 4, 5)
PALETTE_OFFSET = 16  # where its sixteen colours of three bytes begin


def is_pcx(data: bytes) -> bool:
    """Strict, as for every format without a signature."""
    if len(data) < HEADER_BYTES or data[0] != 10 or data[1] not in VERSIONS or data[2] > 1:
        return False
    left, top, right, bottom = unpack_from("<4H", data, 4)
    return data[3] in (1, 2, 4, 8, 24, 32) and left <= right and top <= bottom and data[64] == 0 and 0 < data[65] <= 4


def decode_pcx(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit(UNSUPPORTED) where the rows are not packed, otherwise what Pillow raises."""
    if data[2] == 0:  # Pillow takes them for packed all the same
        raise DecodeError(RejectReason.UNSUPPORTED, "PCX without compression")
    raster = load_raster(open_with_plugin("PcxImagePlugin", "PcxImageFile", data), max_pixels)
    if raster.image.mode == "1" and sum(data[PALETTE_OFFSET : PALETTE_OFFSET + 3]) > sum(
        data[PALETTE_OFFSET + 3 : PALETTE_OFFSET + 6]
    ):
        raster.image = ImageChops.invert(raster.image)  # Pillow shows every bit that is set in white
    return raster
