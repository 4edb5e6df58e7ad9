"""From a file to the model's input with plain Pillow: what every faster path has to agree with."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from .pixels import Pixels, squash

BACKGROUND = (255, 255, 255)
DEEP = 257
"""65535 / 255: sixteen bits of grey to eight."""


def as_colour(image: Image.Image) -> Image.Image:
    """Any mode to RGB: deep grey scaled, transparency laid over the background."""
    if image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float64) / DEEP
        image = Image.fromarray(np.clip(np.rint(values), 0, 255).astype(np.uint8))
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, (*BACKGROUND, 255))
        image = Image.alpha_composite(ground, image)
    return image.convert("RGB")


def reference_pixels(path: Path, size: int) -> Pixels:
    """Decode in full, turn by EXIF, convert and squash: uint8 [size, size, 3]."""
    with Image.open(path) as opened:
        opened.load()
        upright = ImageOps.exif_transpose(opened)
    return squash(np.asarray(as_colour(upright)), size)
