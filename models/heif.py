"""HEIC/HEIF through libheif, AVIF through Pillow's libavif: both turn the picture by the container's own word."""

from functools import cache
from math import floor
from typing import Any

from models.bmff import check_boxes
from models.bmff_items import Item, items, primary
from models.hevc import check_units, follow
from models.holes import check_holes
from models.plain import load_plain, open_plain
from models.raster import Raster, check_pixels
from models.reason import Reason, Unfit
from models.recipe import Recipe

# Codings that a HEIF may hold and the libheif of its wheel may not know (ISO/IEC 23008-12, 23001-17).
FOREIGN = {
    b"unci": "uncompressed pixels",
    b"j2k1": "JPEG 2000",
    b"jpeg": "JPEG",
    b"avc1": "H.264",
    b"vvc1": "H.266",
    b"evc1": "MPEG-5 EVC",
    b"av01": "AV1",
}


@cache
def _libheif() -> Any:
    """Loaded for the first HEIC only: 30 ms that a start of the service need not pay."""
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1  # the workers are processes already
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    return pillow_heif


def decode_heif(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """The primary picture. Raises Unfit or what libheif says."""
    media = check_boxes(data)
    found = items(data)
    units = {number: check_units(number, item, data) for number, item in found.items() if item.kind == b"hvc1"}
    pictures = _pictures(data, found)
    primary = pictures[pictures.primary_index]
    width, height = primary.size
    check_pixels(width, height, max_pixels)
    exif = primary.info.get("exif") or b""  # before to_pillow, which resets the orientation that libheif has applied
    for start, stop in media:
        check_holes(data, start, stop, [exif, *(block["data"] for block in primary.info.get("metadata", ()))])
    image = primary.to_pillow()
    note = f"first of {len(pictures)} pictures" if len(pictures) > 1 else ""
    return Raster(image, image.width, image.height, exif=exif, note=note, suspect=follow(units))


def _pictures(data: bytes, found: dict[int, Item]) -> Any:
    try:
        pictures = _libheif().open_heif(data, convert_hdr_to_8bit=True)
        if len(pictures):
            return pictures
        raise Unfit(Reason.DAMAGED, "no picture in the container")
    except Exception as error:
        foreign = next((FOREIGN[item.kind] for item in found.values() if item.kind in FOREIGN), "")
        if foreign:
            raise Unfit(Reason.UNSUPPORTED, f"HEIF that holds {foreign}") from error
        raise


def decode_avif(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """The first frame, turned as Pillow reports the container's word. Raises Unfit or what libavif says."""
    media = check_boxes(data)
    found = items(data)
    for item in found.values():
        if item.size:
            check_pixels(*item.size, max_pixels)
        elif item.kind == b"av01":  # as transparency was written before 2021; libavif refuses it, and so do browsers
            raise Unfit(Reason.UNSUPPORTED, "AVIF with a part that does not say its size")
    _one_thread()
    image = open_plain("AvifImagePlugin", "AvifImageFile", data)
    for start, stop in media:
        check_holes(data, start, stop, [image.info[kind] for kind in ("exif", "xmp") if kind in image.info])
    raster = load_plain(image, max_pixels)
    if (main := found.get(primary(data))) and main.crop:
        _crop(raster, main.crop)
    return raster


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
def _one_thread() -> None:
    from PIL import AvifImagePlugin

    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
