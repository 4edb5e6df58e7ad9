"""HEIC and HEIF through libheif, which applies the container's rotation."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from models.decode.heif.boxes import media_data_spans
from models.decode.heif.hevc import decoder_warning, nal_units
from models.decode.heif.items import HeifItem, primary_item_id, read_items
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason
from models.decode.zero_runs import check_zero_runs
from models.recipe import Recipe

# Codecs that a HEIF may use and that the libheif of the wheel may lack (ISO/IEC 23008-12, 23001-17).
UNSUPPORTED_CODECS = {
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
    """Import the library on the first HEIF: it takes 30 ms, which start-up does not need."""
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1  # the workers are processes already
    pillow_heif.options.THUMBNAILS = False
    pillow_heif.options.DEPTH_IMAGES = False
    pillow_heif.options.AUX_IMAGES = False
    return pillow_heif


def decode_heif(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the primary image. Raises DecodeError, or what libheif reports."""
    media = media_data_spans(data)
    items = read_items(data)
    units = {number: nal_units(number, item, data) for number, item in items.items() if item.kind == b"hvc1"}
    codec = _unsupported_codec(items, items.get(primary_item_id(data)))
    with _failure_as_unsupported(codec):
        images = _libheif().open_heif(data, convert_hdr_to_8bit=True)
        if not len(images):
            raise DecodeError(RejectReason.DAMAGED, "no image in the container")
    primary = images[images.primary_index]
    width, height = primary.size
    check_pixel_count(width, height, max_pixels)
    exif = primary.info.get("exif") or b""  # before to_pillow, which resets the orientation that libheif applied
    for start, stop in media:
        check_zero_runs(data, start, stop, [exif, *(block["data"] for block in primary.info.get("metadata", ()))])
    with _failure_as_unsupported(codec):
        image = primary.to_pillow()
    note = f"first of {len(images)} images" if len(images) > 1 else ""
    decoder, suspect = f"pillow-heif {_libheif().__version__}", decoder_warning(units)
    return Raster(image, image.width, image.height, exif=exif, note=note, suspect=suspect, decoder=decoder)


def _unsupported_codec(items: dict[int, HeifItem], primary: HeifItem | None) -> str:
    """Return the image's codec if it may be unsupported, else "". Ignore JPEG thumbnails, which accompany HEVC."""
    if primary and primary.kind in UNSUPPORTED_CODECS:
        return UNSUPPORTED_CODECS[primary.kind]
    kinds = [item.kind for item in items.values()]  # the tiles, if the primary image is a grid
    if b"hvc1" in kinds:
        return ""
    return next((UNSUPPORTED_CODECS[kind] for kind in kinds if kind in UNSUPPORTED_CODECS), "")


@contextmanager
def _failure_as_unsupported(codec: str) -> Iterator[None]:
    """Report any error of libheif as UNSUPPORTED if the image uses `codec`: it is not a fault of the file."""
    try:
        yield
    except Exception as error:
        if codec:
            raise DecodeError(RejectReason.UNSUPPORTED, f"HEIF that holds {codec}") from error
        raise
