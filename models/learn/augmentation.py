"""Views of a picture that its owner would choose alike: mirrored, cut at the edges, compressed again."""

from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
CROP_SHARE = 0.85  # of each side stays
JPEG_QUALITY = 50


def augmented_views(pixels: Pixels, count: int, dice: np.random.Generator) -> list[Pixels]:
    """So many of one picture, uint8 [H, W, 3], in its own shape: mirrored, cut, compressed, all of these, and so on,
    cut elsewhere.
    """
    made = []
    for number in range(count):
        kind = number % 4
        view = pixels[:, ::-1] if kind in (0, 3) else pixels
        view = _cropped(view, dice) if kind in (1, 3) else view
        made.append(np.ascontiguousarray(_compressed(view) if kind in (2, 3) else view))
    return made


def _cropped(pixels: Pixels, dice: np.random.Generator) -> Pixels:
    height, width = pixels.shape[:2]
    rows, columns = max(1, round(height * CROP_SHARE)), max(1, round(width * CROP_SHARE))
    top, left = dice.integers(0, height - rows + 1), dice.integers(0, width - columns + 1)
    part = Image.fromarray(pixels[top : top + rows, left : left + columns])
    return np.asarray(part.resize((width, height), Image.Resampling.BILINEAR))


def _compressed(pixels: Pixels) -> Pixels:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=JPEG_QUALITY)
    return np.asarray(Image.open(buffer).convert("RGB"))
