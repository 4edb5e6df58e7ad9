"""How a model wants its picture: size, way of resizing, filter. Pure arithmetic, no pixels."""

from dataclasses import dataclass
from typing import Literal

Resize = Literal["squash", "shortest", "pad"]
Interpolation = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]

# A strip of 10,000 x 1 pixels resized by its shortest edge would need gigabytes, of which the crop keeps the middle.
WIDEST = 8


@dataclass(frozen=True, slots=True)
class Recipe:
    """A model's preprocessing, verbatim from its bundle.

    `height`, `width`: pixels of the model's input. `resize`: "squash" ignores the aspect, "shortest" resizes the
    shortest edge and crops the middle (torchvision's Resize + CenterCrop), "pad" fits the whole picture and fills up
    with `background` (Pillow's ImageOps.pad). `scaled_jpeg`: least factor over the size after resizing down to which
    a decoder may shrink early, in the JPEG's own transform or by whole-pixel averaging; 0 = exact only.
    """

    height: int
    width: int
    resize: Resize = "squash"
    interpolation: Interpolation = "bicubic"
    scaled_jpeg: float = 0.0
    background: tuple[int, int, int] = (255, 255, 255)

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) that a displayed picture of this size is resized to, before any crop or padding."""
        if self.resize == "squash":
            return self.width, self.height
        wide, high = self.width / width, self.height / height
        scale = max(wide, high) if self.resize == "shortest" else min(wide, high)
        if scale == wide:
            return self.width, max(1, self._other(height * scale))
        return max(1, self._other(width * scale)), self.height

    def _other(self, edge: float) -> int:
        # torchvision cuts the long edge off, Pillow rounds the short one: each is followed to the pixel.
        return int(edge + 1e-6) if self.resize == "shortest" else round(edge)

    def visible(self, width: int, height: int) -> tuple[int, int, int, int] | None:
        """The box (left, top, right, bottom) that is enough of an extremely long picture, None for all of it."""
        if self.resize != "shortest" or max(width, height) <= WIDEST * min(width, height):
            return None
        keep = WIDEST * min(width, height)
        if width > height:
            left = (width - keep) // 2
            return left, 0, left + keep, height
        top = (height - keep) // 2
        return 0, top, width, top + keep
