"""What Photoshop stores behind transparency: the picture laid on white already, beside how much of it shows."""

from functools import cache

import numpy as np
from PIL import Image

STRAIGHT = 0.01  # share of soft pixels that are darker than white shining through allows: the writer is another


def unmatted(image: Image.Image) -> Image.Image:
    """The RGBA picture without the white, as every other format has it; as it is where it was never laid on white.

    Laid on a background as stored, soft edges would be bleached twice (up to 60 steps of 255 in real documents).
    Leaving out the transparency lost: it is right on white alone, and a copy saved as PNG would look different.
    """
    *colours, alpha = (np.asarray(band) for band in image.split())
    soft = np.count_nonzero(alpha < 255)
    darkest = 254 - np.minimum(alpha, 254)  # one step is left for rounding
    darker = sum(np.count_nonzero(band < darkest) for band in colours)
    if not soft or darker > STRAIGHT * len(colours) * soft:
        return image
    place = alpha.astype(np.uint16) << 8
    shown = [Image.fromarray(_table().take(place | band)) for band in colours]
    return Image.merge("RGBA", [*shown, image.getchannel("A")])


@cache
def _table() -> np.ndarray:
    """uint8 [alpha * 256 + colour on white]: the colour itself. Computed for every pixel, it took seconds."""
    alpha = np.maximum(np.arange(256), 1)[:, None]
    dark = (255 - np.arange(256))[None]
    shown: np.ndarray = 255 - np.minimum(255, (dark * 255 + alpha // 2) // alpha)
    return shown.astype(np.uint8).ravel()
