"""Preprocessing of a raster into the model's input: reduce, flatten, resize, turn upright, crop or pad."""

from math import ceil

import numpy as np
from PIL import Image

from models.decode.colour import flatten
from models.decode.pixel_digest import image_crc, pixel_crc, pixel_digest
from models.decode.raster import SIDEWAYS, Raster
from models.native.rows import steps
from models.recipe import Recipe

SAMPLED_ROWS = 48  # reading all rows would take as long as decoding a small image


def detail_ratio(image: Image.Image) -> float:
    """Return the mean second difference along sampled rows over the mean first difference, 0 to about 2.

    It measures fine detail, and is one of the head's features. `image`: RGB (green is used) or L. In a ratio, contrast
    cancels out: noise gives about 1.7, a sharp photo 1.1 to 1.6, a photo blurred by 3 pixels of 500 gives 0.3 to 0.7.
    """
    width, height = image.size
    step = max(1, height // SAMPLED_ROWS)
    if step > 1:  # keep the middle row of each stripe: copying all rows takes longer than the sums
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
# EXIF 2.32 table 6, as in Pillow's ImageOps.exif_transpose.
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


def preprocess(raster: Raster, recipe: Recipe) -> tuple[np.ndarray, bytes, float]:
    """Return the model's input, the digest of the pixels that it was made from, and their detail_ratio.

    The input: uint8 [recipe.height, recipe.width, 3], C-contiguous, upright, over the recipe's background; read-only.
    The digest: models.decode.pixel_digest of the pixels as stored, before turning.
    """
    image, box = raster.image, _image_box(raster)
    width, height = raster.width, raster.height
    if visible := recipe.visible_box(*image.size):
        image, box = image.crop(visible), None
        width, height = image.size
    size = recipe.stored_size(width, height, raster.orientation in SIDEWAYS)
    reduced, box = _reduce(image, size, recipe, box)
    small = reduced if reduced.size == size and not box else reduced.resize(size, FILTERS[recipe.interpolation], box)
    stored = small.tobytes()
    crc = _reduced_crc(raster, reduced, small.size, stored)
    digest = pixel_digest(crc, small.size, stored, recipe, raster.decoder)
    # Turn the small image: turning 12 megapixels takes longer than decoding them.
    if raster.orientation in TRANSPOSE_BY_ORIENTATION:
        small = small.transpose(TRANSPOSE_BY_ORIENTATION[raster.orientation])
    elif small.mode == "RGB":
        return _crop_or_pad(_pixels(stored, small.size), recipe), digest, detail_ratio(reduced)
    pixels = _pixels(small.convert("RGB").tobytes(), small.size)
    return _crop_or_pad(pixels, recipe), digest, detail_ratio(reduced)


def _reduced_crc(raster: Raster, reduced: Image.Image, size: tuple[int, int], stored: bytes) -> int:
    """Return the CRC of `reduced` if it was shrunk, else of `stored`: a CRC of a large image could take too long."""
    if reduced.size == (raster.width, raster.height):
        return pixel_crc(size, stored)
    return raster.crc if reduced is raster.image and raster.crc is not None else image_crc(reduced)


def _pixels(stored: bytes, size: tuple[int, int]) -> np.ndarray:
    return np.frombuffer(stored, np.uint8).reshape(size[1], size[0], 3)


def _image_box(raster: Raster) -> Box | None:
    """Return the part of a shrunk raster that the image covers; None: all of it.

    Averaging, and a JPEG's transform by eighths, round the size up. Resizing all of the raster would stretch the image
    by up to a pixel (45 instead of 55 dB to the exact result).
    """
    across, down = raster.reduction
    if raster.reduction != (1, 1):
        return 0, 0, raster.width / across, raster.height / down
    if raster.image.size == (raster.width, raster.height):  # 7/8 of 7 pixels, rounded up, are 7 too
        return None
    for eighths in range(1, 8):
        width, height = raster.width * eighths / 8, raster.height * eighths / 8
        if raster.image.size == (ceil(width), ceil(height)):
            return 0, 0, width, height
    return None


def _reduce(
    image: Image.Image, size: tuple[int, int], recipe: Recipe, box: Box | None
) -> tuple[Image.Image, Box | None]:
    """Return RGB or L, averaged over whole pixels by `recipe.reduce_factors`, and the part of it that is the image."""
    left, top, right, bottom = box or (0, 0, *image.size)
    factors = recipe.reduce_factors(right - left, bottom - top, size)
    if factors == (1, 1):
        return flatten(image, recipe.background), box
    reduced = _reduce_opaque(image, factors) or flatten(image, recipe.background).reduce(factors)
    across, down = factors
    return reduced, (left / across, top / down, right / across, bottom / down)


def _reduce_opaque(image: Image.Image, factors: tuple[int, int]) -> Image.Image | None:
    """Reduce an RGBA image without transparent pixels, such as a screenshot, to RGB; return None for any other.

    All four channels are averaged equally, by the function behind `Image.reduce`, which would first weight the colours
    by alpha: five times the work (8.8 against 1.8 ms for a screenshot), without effect if alpha is 255 throughout.
    """
    if image.mode != "RGBA":
        return None
    reduced = image._new(image.im.reduce(factors, (0, 0, *image.size)))
    return reduced.convert("RGB") if reduced.getchannel("A").getextrema() == (255, 255) else None


def _crop_or_pad(pixels: np.ndarray, recipe: Recipe) -> np.ndarray:
    if pixels.shape[:2] == (recipe.height, recipe.width):
        return pixels
    top, left = recipe.crop_offset(pixels.shape[0], recipe.height), recipe.crop_offset(pixels.shape[1], recipe.width)
    kept = pixels[max(top, 0) : max(top, 0) + recipe.height, max(left, 0) : max(left, 0) + recipe.width]
    kept_height, kept_width = kept.shape[:2]
    if (kept_height, kept_width) == (recipe.height, recipe.width):
        return np.ascontiguousarray(kept)
    canvas = np.empty((recipe.height, recipe.width, 3), np.uint8)
    canvas[:] = recipe.fill or recipe.background
    canvas[max(-top, 0) : max(-top, 0) + kept_height, max(-left, 0) : max(-left, 0) + kept_width] = kept
    return canvas
