"""Verify and decode an image file into the model's input: the only entry point to the decoders."""

from typing import NamedTuple

import numpy as np

from models.decode.decoder_errors import decode_error, reclassify_zero_tail
from models.decode.exif import NO_EXIF, read_exif
from models.decode.formats import FORMATS, identify_format
from models.decode.pillow_plugins import set_pixel_limit
from models.decode.raster import SIDEWAYS
from models.decode.reason import DecodeError
from models.fit import preprocess
from models.recipe import Recipe

# Imported at once: image workers are forked after this module is loaded, and share the decoders' memory.
DECODERS = {row.name: row.load_decoder() for row in FORMATS}

__all__ = ["DecodeError", "Picture", "Recipe", "read_picture"]


class Picture(NamedTuple):
    """A decoded image.

    `width`, `height`: as displayed, in pixels. `pixels`: uint8 [recipe.height, recipe.width, 3], C-contiguous,
    read-only. `taken_at`: ISO 8601 from EXIF DateTimeOriginal. `note`: a short remark (animated, 12 frames), or "".
    `suspect`: why the image may be damaged although it decodes, or "". `digest`: models.decode.pixel_digest of the
    decoded pixels. `detail`: models.fit.detail_ratio.
    """

    format: str
    width: int
    height: int
    pixels: np.ndarray
    taken_at: str | None
    camera: str | None
    note: str
    suspect: str = ""
    digest: bytes = b""
    detail: float = 0.0


def read_picture(data: bytes, recipe: Recipe, *, max_pixels: int = 200_000_000) -> Picture:
    """Decode the whole file strictly. Raises DecodeError for any fault of the bytes, and nothing else."""
    set_pixel_limit(max_pixels)
    try:
        return _decode(data, recipe, max_pixels)
    except Exception as error:
        raise reclassify_zero_tail(data, decode_error(error)) from error


def _decode(data: bytes, recipe: Recipe, max_pixels: int) -> Picture:
    row = identify_format(data)
    raster = DECODERS[row.name](data, recipe, max_pixels)
    exif = read_exif(raster.exif) if raster.exif else NO_EXIF
    width, height = raster.width, raster.height
    if raster.orientation in SIDEWAYS:
        width, height = height, width
    pixels, digest, detail = preprocess(raster, recipe)
    facts = (exif.taken_at, exif.camera, raster.note, raster.suspect)
    return Picture(row.name, width, height, pixels, *facts, digest, detail)
