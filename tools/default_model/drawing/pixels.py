"""Names for arrays of pixels, and the few steps every kind of procedural picture ends with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Pixels = NDArray[np.uint8]
"""A picture: uint8 [height, width, 3], sRGB."""
Plane = NDArray[np.floating[Any]]
"""Values, mostly float32: [height, width] or [height, width, 3], brightness 0..255 where it is colour."""
Colour = tuple[int, int, int]


def to_pixels(values: Plane) -> Pixels:
    """Round and clip float32 [H, W, 3] in 0..255 to uint8."""
    rounded: Pixels = np.clip(values + 0.5, 0, 255).astype(np.uint8)
    return rounded


def squash(picture: Pixels, size: int) -> Pixels:
    """Resize to [size, size, 3] without regard to the aspect, as the bundle's preprocessing does."""
    resized = Image.fromarray(picture).resize((size, size), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def grid(height: int, width: int) -> tuple[Plane, Plane]:
    """Row and column coordinates in 0..1, each float32 [height, width]."""
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    return rows / height, columns / width
