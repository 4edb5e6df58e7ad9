"""Portable bitmaps, graymaps and pixmaps in binary: a header and raw rows."""

from PIL import ImageFile

from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason, length_mismatch
from models.decode.zero_runs import lost_rows
from models.recipe import Recipe


def decode_pnm(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the image; it is suspect if pixels look lost, or if what follows is not another image.

    Raises DecodeError, or what Pillow raises.
    """
    image = open_with_plugin("PpmImagePlugin", "PpmImageFile", data)
    check_pixel_count(*image.size, max_pixels)
    start, stop = _pixel_span(image)
    if stop > len(data):
        raise DecodeError(RejectReason.TRUNCATED, f"{stop - len(data)} bytes of the image are missing")
    raster = load_raster(image, max_pixels)
    lost = lost_rows(data, start, stop, raster.height, paper=raster.image.mode == "1")
    raster.suspect = lost or _surplus(data, stop)
    return raster


def _pixel_span(image: ImageFile.ImageFile) -> tuple[int, int]:
    """Return (start, stop) of the pixels, from the header that Pillow has read."""
    tile = image.tile[0]
    if image.mode == "1":
        row = (image.width + 7) // 8
    else:
        maxval = tile.args[1] if isinstance(tile.args, tuple) else 65535 if tile.args == "I;16B" else 255
        row = image.width * len(image.getbands()) * (2 if int(maxval) > 255 else 1)
    return tile.offset, tile.offset + row * image.height


def _surplus(data: bytes, stop: int) -> str:
    """Return the suspicion that bytes were inserted, unless whitespace or another image follows."""
    rest = data[stop:]
    if not rest.strip() or rest.lstrip()[:1] == b"P":
        return ""
    return length_mismatch(len(rest))
