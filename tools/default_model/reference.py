"""Decode a file to the default model's input with plain Pillow: the reference for every faster decoder."""

from pathlib import Path

import numpy as np

from tools.goldens import WHITE, open_as_displayed

from .drawing.pixels import Pixels, squash

BACKGROUND = WHITE


def reference_pixels(path: Path, size: int) -> Pixels:
    """Decode in full, rotate by EXIF, convert and squash: uint8 [size, size, 3]."""
    return squash(np.asarray(open_as_displayed(path)), size)
