"""HEIC/HEIF through libheif, which turns the picture by the container's own word."""

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

# Codings that a HEIF may hold and the libheif of its wheel may not know (ISO/IEC 23008-12, 23001-17).
UNSUPPORTED_CODINGS = {
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
    media = media_data_spans(data)
    found = read_items(data)
    units = {number: nal_units(number, item, data) for number, item in found.items() if item.kind == b"hvc1"}
    foreign = _unsupported_coding(found, found.get(primary_item_id(data)))
    with _failure_as_unsupported(foreign):
        pictures = _libheif().open_heif(data, convert_hdr_to_8bit=True)
        if not len(pictures):
            raise DecodeError(RejectReason.DAMAGED, "no picture in the container")
    shown = pictures[pictures.primary_index]
    width, height = shown.size
    check_pixel_count(width, height, max_pixels)
    exif = shown.info.get("exif") or b""  # before to_pillow, which resets the orientation that libheif has applied
    for start, stop in media:
        check_zero_runs(data, start, stop, [exif, *(block["data"] for block in shown.info.get("metadata", ()))])
    with _failure_as_unsupported(foreign):
        image = shown.to_pillow()
    note = f"first of {len(pictures)} pictures" if len(pictures) > 1 else ""
    maker = f"pillow-heif {_libheif().__version__}"
    return Raster(image, image.width, image.height, exif=exif, note=note, suspect=decoder_warning(units), maker=maker)


def _unsupported_coding(found: dict[int, HeifItem], main: HeifItem | None) -> str:
    """The picture's coding, if it is a foreign one. A thumbnail in JPEG says nothing: cameras put it beside HEVC."""
    if main and main.kind in UNSUPPORTED_CODINGS:
        return UNSUPPORTED_CODINGS[main.kind]
    kinds = [item.kind for item in found.values()]  # of which a grid is made
    return (
        ""
        if b"hvc1" in kinds
        else next((UNSUPPORTED_CODINGS[kind] for kind in kinds if kind in UNSUPPORTED_CODINGS), "")
    )


@contextmanager
def _failure_as_unsupported(foreign: str) -> Iterator[None]:
    """Around libheif: what it says of a coding that it lacks is no fault of the file."""
    try:
        yield
    except Exception as error:
        if foreign:
            raise DecodeError(RejectReason.UNSUPPORTED, f"HEIF that holds {foreign}") from error
        raise
