"""A model's preprocessing: size, resize mode, filter. Pure arithmetic, no pixels."""

from typing import Literal, NamedTuple

Resize = Literal["squash", "shortest", "pad"]
Interpolation = Literal["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]
Rounding = Literal["down", "nearest"]
Colour = tuple[int, int, int]

# A strip of 10,000 x 1 pixels resized by its shortest edge would need gigabytes, and the crop keeps only the middle.
MAX_ASPECT = 8


class Recipe(NamedTuple):
    """A model's preprocessing, verbatim from its bundle. Pixel digests cover the names of these fields.

    `height`, `width`: pixels of the model's input. `resize`: "squash" ignores the aspect ratio; "shortest" resizes
    until the image covers the input and crops the middle (torchvision's Resize + CenterCrop); "pad" fits the whole
    image and fills up with `fill`, else with `background` (ResizeKeepRatio + CenterCropOrPad of timm and open_clip).
    `scaled_jpeg`: a decoder may shrink early, in the JPEG's own transform or by averaging whole pixels, to no less than
    this factor times the size after resizing; 0: never. `background`: the colour behind transparency.

    `edge`: (height, width) to resize to, if larger than the input; the rest is cropped. `rounding`: of the edge that
    follows from the aspect ratio; None: torchvision rounds down for "shortest", "pad" takes the nearest. `centre`:
    rounding of the first row and column that a crop keeps; halves go to the even number (torchvision), or down
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

    def resized_size(self, width: int, height: int) -> tuple[int, int]:
        """Return (width, height) that an upright image of this size is resized to, before any crop or padding."""
        target_height, target_width = self.edge or (self.height, self.width)
        if self.resize == "squash":
            return target_width, target_height
        wider = width * target_height > height * target_width
        if wider == (self.resize == "pad"):
            return target_width, max(1, self._other_edge(height, width, target_width))
        return max(1, self._other_edge(width, height, target_height)), target_height

    def stored_size(self, width: int, height: int, sideways: bool) -> tuple[int, int]:
        """Return the same for an image as stored; `sideways`: its orientation swaps width and height."""
        return self.resized_size(height, width)[::-1] if sideways else self.resized_size(width, height)

    def reduce_factors(self, width: float, height: float, size: tuple[int, int]) -> tuple[int, int]:
        """Return the factors, across and down, by which whole pixels may be averaged before resizing to `size`.

        The result is at least twice `size`, as with Pillow's own `reducing_gap`: a third of the time of one resize,
        cosine 0.9998 or more (measured).
        """
        if self.scaled_jpeg <= 0 or self.interpolation == "nearest":
            return 1, 1
        gap = max(2.0, self.scaled_jpeg)
        return int(width / size[0] / gap) or 1, int(height / size[1] / gap) or 1

    def _other_edge(self, edge: int, given: int, wanted: int) -> int:
        # Exactly as each source does it: torchvision multiplies first and rounds down, timm divides by the ratio.
        if (self.rounding or ("down" if self.resize == "shortest" else "nearest")) == "down":
            return wanted * edge // given
        return round(edge / (given / wanted))

    def crop_offset(self, size: int, cropped: int) -> int:
        """Return the first row of a central crop from `size` to `cropped` rows; negative: rows of padding before it."""
        if size < cropped:
            return -((cropped - size) // 2)
        return round((size - cropped) / 2) if self.centre == "nearest" else (size - cropped) // 2

    def visible_box(self, width: int, height: int) -> tuple[int, int, int, int] | None:
        """Return the box (left, top, right, bottom) that suffices of an extremely long image; None: all of it."""
        if self.resize != "shortest" or max(width, height) <= MAX_ASPECT * min(width, height):
            return None
        keep = MAX_ASPECT * min(width, height)
        if width > height:
            left = (width - keep) // 2
            return left, 0, left + keep, height
        top = (height - keep) // 2
        return 0, top, width, top + keep
