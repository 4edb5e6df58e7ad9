"""Augmented views of an image that its owner would label the same: mirrored, cropped, recompressed."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
CROP_SHARE = 0.85  # of each side
JPEG_QUALITY = 50


def augmented_views(pixels: Pixels, count: int, rng: np.random.Generator) -> list[Pixels]:
    """Return `count` views of an image, uint8 [H, W, 3], all of its shape: mirrored, cropped, recompressed, all three
    at once, and so on with other crops.
    """
    views = []
    for number in range(count):
        kind = number % 4
        view = pixels[:, ::-1] if kind in (0, 3) else pixels
        view = _cropped(view, rng) if kind in (1, 3) else view
        views.append(np.ascontiguousarray(_recompressed(view) if kind in (2, 3) else view))
    return views


def _cropped(pixels: Pixels, rng: np.random.Generator) -> Pixels:
    """Crop at a random place, and resize to the original shape."""
    height, width = pixels.shape[:2]
    rows, columns = max(1, round(height * CROP_SHARE)), max(1, round(width * CROP_SHARE))
    top, left = rng.integers(0, height - rows + 1), rng.integers(0, width - columns + 1)
    part = Image.fromarray(pixels[top : top + rows, left : left + columns])
    return np.asarray(part.resize((width, height), Image.Resampling.BILINEAR))


def _recompressed(pixels: Pixels) -> Pixels:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return np.asarray(Image.open(buffer).convert("RGB"))
