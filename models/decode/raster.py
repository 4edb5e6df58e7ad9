"""The result of a decoder: pixels as stored, and what is needed to show them upright."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.decode.reason import DecodeError, RejectReason

if TYPE_CHECKING:
    from PIL.Image import Image

# EXIF orientations that swap width and height when the image is shown.
SIDEWAYS = frozenset({5, 6, 7, 8})


@dataclass(slots=True)
class Raster:
    """A decoded image.

    `image`: any mode, as stored, possibly shrunk by the decoder. `width`, `height`: of the stored image before that.
    `orientation`: EXIF 1..8, not applied yet. `exif`: the TIFF-structured block, empty if there is none.
    `suspect`: why the image may be damaged although it decodes. `decoder`: name of the decoder, empty for Pillow;
    pixels of different decoders are similar, not equal. `reduction`: how many pixels, across and down, the decoder
    averaged into one. `crc`: models.decode.pixel_digest.pixel_crc of `image`, if the decoder had its bytes at hand.
    """

    image: "Image"
    width: int
    height: int
    orientation: int = 1
    exif: bytes = b""
    note: str = ""
    suspect: str = ""
    decoder: str = ""
    reduction: tuple[int, int] = (1, 1)
    crc: int | None = None


def check_pixel_count(width: int, height: int, max_pixels: int) -> None:
    """Raise DecodeError(PIXELS) above the limit and DecodeError(DAMAGED) for an empty image. Call before decoding."""
    if width <= 0 or height <= 0:
        raise DecodeError(RejectReason.DAMAGED, f"the header says {width}x{height} pixels")
    if width * height > max_pixels:
        limit = f"{max_pixels / 1e6:g} million"
        raise DecodeError(RejectReason.PIXELS, f"{width}x{height} pixels, the limit is {limit}")
