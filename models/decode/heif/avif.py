"""AVIF through Pillow's libavif: turned and cropped as the container says."""

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
    """Decode the first frame; Pillow reports the container's rotation. Raises DecodeError, or what libavif reports."""
    media = media_data_spans(data)
    items = read_items(data)
    for item in items.values():
        if item.size:
            check_pixel_count(*item.size, max_pixels)
        elif item.kind == b"av01":  # transparency as written before 2021, which libavif and browsers refuse
            raise DecodeError(RejectReason.UNSUPPORTED, "AVIF with an item that does not state its size")
    _limit_to_one_thread()
    image, suspect = _open(data)
    for start, stop in media:
        check_zero_runs(data, start, stop, [image.info[kind] for kind in ("exif", "xmp") if kind in image.info])
    raster = load_raster(image, max_pixels)
    raster.suspect = suspect
    if (primary := items.get(primary_item_id(data))) and primary.crop:
        _crop(raster, primary.crop)
    return raster


def _open(data: bytes) -> tuple[ImageFile.ImageFile, str]:
    """Open the image; skip metadata that is broken, which libavif and Pillow refuse, and return a suspicion."""
    try:
        return open_with_plugin("AvifImagePlugin", "AvifImageFile", data), ""
    except Exception as error:
        start = data.find(b"meta")
        stop = start - 4 + int.from_bytes(data[start - 4 : start], "big")
        if b"Exif" not in data[start:stop]:
            raise
        without_exif = data[:start] + data[start:stop].replace(b"Exif", b"skip") + data[stop:]
        try:
            return open_with_plugin("AvifImagePlugin", "AvifImageFile", without_exif), "its EXIF metadata is broken"
        except Exception:
            raise error from None


def _crop(raster: Raster, aperture: tuple[int, ...]) -> None:
    """Crop to the clean aperture (ISO/IEC 14496-12, 12.1.4), which libheif applies to HEIF but Pillow not to AVIF.

    It applies before any rotation. An aperture that is not inside the image is ignored, as browsers do.
    """
    if not all(aperture[1::2]):
        return
    exact_width, exact_height, right, down = (part / by for part, by in zip(aperture[::2], aperture[1::2], strict=True))
    width, height = round(exact_width), round(exact_height)
    left = floor((raster.width - width) / 2 + right)
    top = floor((raster.height - height) / 2 + down)
    if left >= 0 < width <= raster.width - left and top >= 0 < height <= raster.height - top:
        raster.image = raster.image.crop((left, top, left + width, top + height))
        raster.width, raster.height = width, height


@cache
def _limit_to_one_thread() -> None:
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
