"""A raster to the model's input: average down, flatten, resize, turn upright, crop or pad.

How much fine detail a picture shows: low for a blurred one, whatever its contrast. One of the head's features.
"""

from math import ceil
from typing import NamedTuple

import numpy as np
from PIL import Image

from models.decode.colour import flatten
from models.decode.pixel_digest import image_crc, pixel_crc, pixel_digest
from models.decode.raster import SIDEWAYS, Raster
from models.native.rows import steps
from models.recipe import Recipe

SAMPLED_ROWS = 48  # sampled: all of them would take as long as a small decode


def detail_ratio(image: Image.Image) -> float:
    """Mean second difference along sampled rows over the mean first difference, 0 to about 2, of RGB (green) or L.

    A ratio, so that contrast cancels out: noise gives about 1.7, a sharp photo 1.1 to 1.6, one that is blurred by
    3 pixels of 500 gives 0.3 to 0.7.
    """
    width, height = image.size
    step = max(1, height // SAMPLED_ROWS)
    if step > 1:  # the middle row of each stripe: handing over all of them takes longer than the sums do
        image = image.resize((width, height // step), Image.Resampling.NEAREST, (0, 0, width, height // step * step))
    first, second = steps(image.tobytes("raw", "L" if image.mode == "L" else "G"), width)
    rows = image.height
    return second / (rows * (width - 2)) / (first / (rows * (width - 1))) if first else 0.0


FILTERS = {
    "nearest": Image.Resampling.NEAREST,
    "box": Image.Resampling.BOX,
    "bilinear": Image.Resampling.BILINEAR,
    "hamming": Image.Resampling.HAMMING,
    "bicubic": Image.Resampling.BICUBIC,
    "lanczos": Image.Resampling.LANCZOS,
}
# EXIF 2.32 table 6, the same as Pillow's ImageOps.exif_transpose.
TRANSPOSE_BY_ORIENTATION = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
Box = tuple[float, float, float, float]


class ModelInput(NamedTuple):
    """`pixels`: uint8 [recipe.height, recipe.width, 3], C-contiguous, upright, over the recipe's background;
    not to be written to.

    `digest`: of the same pixels as stored, not turned (models.decode.pixel_digest). `detail`: models.fit.
    """

    pixels: np.ndarray
    digest: bytes
    detail: float


def preprocess(raster: Raster, recipe: Recipe) -> ModelInput:
    """The model's input, and the digest of what it was made of."""
    image, box = raster.image, _picture_box(raster)
    width, height = raster.width, raster.height
    if middle := recipe.visible(*image.size):
        image, box = image.crop(middle), None
        width, height = image.size
    size = recipe.stored(width, height, raster.orientation in SIDEWAYS)
    reduced, box = _reduce(image, size, recipe, box)
    small = reduced if reduced.size == size and not box else reduced.resize(size, FILTERS[recipe.interpolation], box)
    stored = small.tobytes()
    made = pixel_digest(_reduced_crc(raster, reduced, small.size, stored), small.size, stored, recipe, raster.maker)
    # Turned when small: turning 12 megapixels costs more than decoding them.
    if raster.orientation in TRANSPOSE_BY_ORIENTATION:
        small = small.transpose(TRANSPOSE_BY_ORIENTATION[raster.orientation])
    elif small.mode == "RGB":
        return ModelInput(_crop_or_pad(_pixels(stored, small.size), recipe), made, detail_ratio(reduced))
    return ModelInput(
        _crop_or_pad(_pixels(small.convert("RGB").tobytes(), small.size), recipe), made, detail_ratio(reduced)
    )


def _reduced_crc(raster: Raster, reduced: Image.Image, size: tuple[int, int], stored: bytes) -> int:
    """Of `reduced` if it was shrunk: only that is known to be small, and any other might take as long as decoding."""
    if reduced.size == (raster.width, raster.height):
        return pixel_crc(size, stored)
    return raster.sum if reduced is raster.image and raster.sum is not None else image_crc(reduced)


def _pixels(stored: bytes, size: tuple[int, int]) -> np.ndarray:
    return np.frombuffer(stored, np.uint8).reshape(size[1], size[0], 3)


def _picture_box(raster: Raster) -> Box | None:
    """The part of a shrunk image that the picture covers: averages and a JPEG's transform, by eighths, round up.

    Resizing all of it instead would stretch the picture by up to a pixel (45 instead of 55 dB to the exact result).
    """
    across, down = raster.averaged
    if raster.averaged != (1, 1):
        return 0, 0, raster.width / across, raster.height / down
    if raster.image.size == (raster.width, raster.height):  # 7/8 of 7 pixels, rounded up, are 7 as well
        return None
    for eighths in range(1, 8):
        width, height = raster.width * eighths / 8, raster.height * eighths / 8
        if raster.image.size == (ceil(width), ceil(height)):
            return 0, 0, width, height
    return None


def _reduce(
    image: Image.Image, size: tuple[int, int], recipe: Recipe, box: Box | None
) -> tuple[Image.Image, Box | None]:
    """RGB or L, averaged over whole pixels as `recipe.averaged` says, and the part of it that is the picture."""
    left, top, right, bottom = box or (0, 0, *image.size)
    factors = recipe.averaged(right - left, bottom - top, size)
    if factors == (1, 1):
        return flatten(image, recipe.background), box
    reduced = _reduce_opaque(image, factors) or flatten(image, recipe.background).reduce(factors)
    across, down = factors
    return reduced, (left / across, top / down, right / across, bottom / down)


def _reduce_opaque(image: Image.Image, factors: tuple[int, int]) -> Image.Image | None:
    """RGB out of an RGBA without transparent pixels, and nothing else: a screenshot's alpha says nothing.

    All four channels are averaged alike, by the function behind `Image.reduce`, which would weigh the colours by alpha
    first: five times the work (8.8 against 1.8 ms a screenshot) for nothing where alpha is 255 throughout.
    """
    if image.mode != "RGBA":
        return None
    reduced = image._new(image.im.reduce(factors, (0, 0, *image.size)))
    return reduced.convert("RGB") if reduced.getchannel("A").getextrema() == (255, 255) else None


def _crop_or_pad(pixels: np.ndarray, recipe: Recipe) -> np.ndarray:
    if pixels.shape[:2] == (recipe.height, recipe.width):
        return pixels
    top, left = recipe.middle(pixels.shape[0], recipe.height), recipe.middle(pixels.shape[1], recipe.width)
    kept = pixels[max(top, 0) : max(top, 0) + recipe.height, max(left, 0) : max(left, 0) + recipe.width]
    high, wide = kept.shape[:2]
    if (high, wide) == (recipe.height, recipe.width):
        return np.ascontiguousarray(kept)
    canvas = np.empty((recipe.height, recipe.width, 3), np.uint8)
    canvas[:] = recipe.fill or recipe.background
    canvas[max(-top, 0) : max(-top, 0) + high, max(-left, 0) : max(-left, 0) + wide] = kept
    return canvas
