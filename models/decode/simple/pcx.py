"""PCX: run-length coded rows, decoded by Pillow."""

from PIL import ImageChops

from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster
from models.decode.reason import DecodeError, RejectReason
from models.recipe import Recipe

PALETTE_OFFSET = 16  # offset of a palette of sixteen colours, three bytes each


def decode_pcx(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the image. Raises DecodeError(UNSUPPORTED) if the rows are not packed, otherwise what Pillow raises."""
    if data[2] == 0:  # Pillow would unpack them anyway
        raise DecodeError(RejectReason.UNSUPPORTED, "PCX without compression")
    raster = load_raster(open_with_plugin("PcxImagePlugin", "PcxImageFile", data), max_pixels)
    first, second = (data[at : at + 3] for at in (PALETTE_OFFSET, PALETTE_OFFSET + 3))
    if raster.image.mode == "1" and sum(first) > sum(second):
        raster.image = ImageChops.invert(raster.image)  # Pillow shows set bits in white, whatever the palette says
    return raster
