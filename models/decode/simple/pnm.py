"""Portable bitmaps, graymaps and pixmaps in binary: nothing but a header and rows."""

from PIL import ImageFile

from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason
from models.decode.zero_runs import lost_rows
from models.recipe import Recipe


def decode_pnm(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit, or what Pillow raises. Suspect where pixels are lost, or what follows is no picture."""
    image = open_with_plugin("PpmImagePlugin", "PpmImageFile", data)
    check_pixel_count(*image.size, max_pixels)
    start, stop = _pixel_span(image)
    if stop > len(data):
        raise DecodeError(RejectReason.TRUNCATED, f"{stop - len(data)} bytes of the picture are missing")
    raster = load_raster(image, max_pixels)
    lost = lost_rows(data, start, stop, raster.height, paper=raster.image.mode == "1")
    raster.suspect = lost or _surplus(data, stop)
    return raster


def _pixel_span(image: ImageFile.ImageFile) -> tuple[int, int]:
    """First byte of the pixels, and the one behind their last, as Pillow has read the header."""
    tile = image.tile[0]
    if image.mode == "1":
        row = (image.width + 7) // 8
    else:
        maxval = tile.args[1] if isinstance(tile.args, tuple) else 65535 if tile.args == "I;16B" else 255
        row = image.width * len(image.getbands()) * (2 if int(maxval) > 255 else 1)
    return tile.offset, tile.offset + row * image.height


def _surplus(data: bytes, stop: int) -> str:
    """Pictures may follow one another, and a line may end; anything else shows that bytes were put in."""
    rest = data[stop:]
    if not rest.strip() or rest.lstrip()[:1] == b"P":
        return ""
    return f"{len(rest)} bytes more than its header says"
