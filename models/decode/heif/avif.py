"""AVIF through Pillow's libavif: turned by the container's own word, and cropped by it."""

from functools import cache
from math import floor

from PIL import ImageFile

from models.decode.heif.boxes import media_data_spans
from models.decode.heif.items import primary_item_id, read_items
from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason
from models.decode.zero_runs import check_zero_runs
from models.recipe import Recipe


def decode_avif(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """The first frame, turned as Pillow reports the container's word. Raises Unfit or what libavif says."""
    media = media_data_spans(data)
    found = read_items(data)
    for item in found.values():
        if item.size:
            check_pixel_count(*item.size, max_pixels)
        elif item.kind == b"av01":  # as transparency was written before 2021; libavif refuses it, and so do browsers
            raise DecodeError(RejectReason.UNSUPPORTED, "AVIF with a part that does not say its size")
    _limit_to_one_thread()
    image, suspect = _open(data)
    for start, stop in media:
        check_zero_runs(data, start, stop, [image.info[kind] for kind in ("exif", "xmp") if kind in image.info])
    raster = load_raster(image, max_pixels)
    raster.suspect = suspect
    if (main := found.get(primary_item_id(data))) and main.crop:
        _crop(raster, main.crop)
    return raster


def _open(data: bytes) -> tuple[ImageFile.ImageFile, str]:
    """The header, and words where its metadata alone is broken: libavif or Pillow then shows nothing of the picture."""
    try:
        return open_with_plugin("AvifImagePlugin", "AvifImageFile", data), ""
    except Exception as error:
        start = data.find(b"meta")
        stop = start - 4 + int.from_bytes(data[start - 4 : start], "big")
        if b"Exif" not in data[start:stop]:
            raise
        without = data[:start] + data[start:stop].replace(b"Exif", b"skip") + data[stop:]
        try:
            return open_with_plugin("AvifImagePlugin", "AvifImageFile", without), "its EXIF metadata is broken"
        except Exception:
            raise error from None


def _crop(raster: Raster, aperture: tuple[int, ...]) -> None:
    """To the clean aperture (ISO/IEC 14496-12, 12.1.4), which libheif applies to a HEIF and Pillow to no AVIF.

    It comes before any turn. One that does not lie inside of the picture is passed over, as browsers do.
    """
    wide, wide_by, high, high_by, right, right_by, down, down_by = aperture
    if not (wide_by and high_by and right_by and down_by):
        return
    width, height = round(wide / wide_by), round(high / high_by)
    left = floor((raster.width - width) / 2 + right / right_by)
    top = floor((raster.height - height) / 2 + down / down_by)
    if left >= 0 < width <= raster.width - left and top >= 0 < height <= raster.height - top:
        raster.image = raster.image.crop((left, top, left + width, top + height))
        raster.width, raster.height = width, height


@cache
def _limit_to_one_thread() -> None:
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
