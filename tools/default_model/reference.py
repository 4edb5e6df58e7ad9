"""From a file to the default model's input with plain Pillow: what every faster path has to agree with."""

from pathlib import Path

import numpy as np

from tools.goldens import WHITE, open_as_displayed

from .drawing.pixels import Pixels, squash

BACKGROUND = WHITE


def reference_pixels(path: Path, size: int) -> Pixels:
    """Decode in full, turn by EXIF, convert and squash: uint8 [size, size, 3]."""
    return squash(np.asarray(open_as_displayed(path)), size)
