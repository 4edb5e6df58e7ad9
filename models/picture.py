"""Bytes to a proved picture in the model's own shape: the only door into the decoders."""

from typing import NamedTuple

import numpy as np

from models.decode.decoder_errors import fault, with_zero_tail
from models.decode.formats import recognise
from models.decode.pillow_plugins import guard_bombs
from models.decode.raster import SIDEWAYS
from models.decode.reason import Unfit
from models.fit import fit
from models.metadata.exif import NONE, read_exif
from models.recipe import Recipe

__all__ = ["Picture", "Recipe", "Unfit", "read_picture"]


class Picture(NamedTuple):
    """`width`, `height`: as displayed, in pixels. `pixels`: uint8 [recipe.height, recipe.width, 3], C-contiguous,
    not to be written to.

    `taken_at`: ISO 8601 from EXIF DateTimeOriginal. `note`: "" or a short remark (animated, 12 frames).
    `suspect`: "" or why the picture may be damaged although it decodes.
    `digest`: of the decoded pixels, however they are stored or turned (models.decode.pixel_digest). `detail`:
    models.fit.
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
    """Decodes all of it, strictly. Raises Unfit for everything that is the bytes' fault, and nothing else."""
    guard_bombs(max_pixels)
    try:
        return _read(data, recipe, max_pixels)
    except Exception as error:
        raise with_zero_tail(data, fault(error)) from error


def _read(data: bytes, recipe: Recipe, max_pixels: int) -> Picture:
    row = recognise(data)
    raster = row.decode(data, recipe, max_pixels)
    exif = read_exif(raster.exif) if raster.exif else NONE
    width, height = raster.width, raster.height
    if raster.orientation in SIDEWAYS:
        width, height = height, width
    pixels, digest, detail = fit(raster, recipe)
    told = (exif.taken_at, exif.camera, raster.note, raster.suspect)
    return Picture(row.name, width, height, pixels, *told, digest, detail)
