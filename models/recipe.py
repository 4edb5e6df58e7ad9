"""How a model wants its picture: size, way of resizing, filter. Pure arithmetic, no pixels."""

from typing import Literal, NamedTuple

Resize = Literal["squash", "shortest", "pad"]
Interpolation = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
Rounding = Literal["down", "nearest"]
Colour = tuple[int, int, int]

# A strip of 10,000 x 1 pixels resized by its shortest edge would need gigabytes, of which the crop keeps the middle.
MAX_ASPECT = 8


class Recipe(NamedTuple):
    """A model's preprocessing, verbatim from its bundle.

    `height`, `width`: pixels of the model's input. `resize`: "squash" ignores the aspect, "shortest" resizes until
    the picture covers the input and crops the middle (torchvision's Resize + CenterCrop), "pad" fits the whole picture
    and fills up with `fill`, else with `background` (ResizeKeepRatio + CenterCropOrPad of timm and open_clip).
    `scaled_jpeg`: least factor over the size after resizing down to which a decoder may shrink early, in the JPEG's own
    transform or by whole-pixel averaging; 0 = exact only. `background`: what shows through transparency.

    `edge`: (height, width) that resizing aims at where that is not the input's size; the rest is cropped. `rounding`:
    of the edge that follows from the aspect; None: torchvision cuts it off for "shortest", "pad" takes the nearest.
    `centre`: of the first row and column that a crop keeps; halves go to the even number (torchvision), or down
    (transformers).
    """

    height: int
    width: int
    resize: Resize = "squash"
    interpolation: Interpolation = "bicubic"
    scaled_jpeg: float = 0.0
    background: Colour = (255, 255, 255)
    edge: tuple[int, int] | None = None
    rounding: Rounding | None = None
    centre: Rounding = "nearest"
    fill: Colour | None = None

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """(width, height) that a displayed picture of this size is resized to, before any crop or padding."""
        high, wide = self.edge or (self.height, self.width)
        if self.resize == "squash":
            return wide, high
        broader = width * high > height * wide
        if broader == (self.resize == "pad"):
            return wide, max(1, self._other(height, width, wide))
        return max(1, self._other(width, height, high)), high

    def stored(self, width: int, height: int, sideways: bool) -> tuple[int, int]:
        """The same for a picture as it is stored: `sideways` says that width and height change places when shown."""
        return self.fitted(height, width)[::-1] if sideways else self.fitted(width, height)

    def averaged(self, width: float, height: float, size: tuple[int, int]) -> tuple[int, int]:
        """By how many whole pixels, across and down, a picture may be averaged before it is resized to `size`.

        Down to twice that at least: Pillow's own `reducing_gap`, a third of the time of one resize, cosine 0.9998 at
        least (measured).
        """
        if self.scaled_jpeg <= 0 or self.interpolation == "nearest":
            return 1, 1
        gap = max(2.0, self.scaled_jpeg)
        return int(width / size[0] / gap) or 1, int(height / size[1] / gap) or 1

    def _other(self, edge: int, given: int, wanted: int) -> int:
        # Each source is followed to the pixel: torchvision multiplies first and cuts off, timm divides by the ratio.
        if (self.rounding or ("down" if self.resize == "shortest" else "nearest")) == "down":
            return wanted * edge // given
        return round(edge / (given / wanted))

    def middle(self, have: int, want: int) -> int:
        """The first of `want` rows kept out of `have`; negative: so many are filled before the first."""
        if have < want:
            return -((want - have) // 2)
        return round((have - want) / 2) if self.centre == "nearest" else (have - want) // 2

    def visible(self, width: int, height: int) -> tuple[int, int, int, int] | None:
        """The box (left, top, right, bottom) that is enough of an extremely long picture, None for all of it."""
        if self.resize != "shortest" or max(width, height) <= MAX_ASPECT * min(width, height):
            return None
        keep = MAX_ASPECT * min(width, height)
        if width > height:
            left = (width - keep) // 2
            return left, 0, left + keep, height
        top = (height - keep) // 2
        return 0, top, width, top + keep
