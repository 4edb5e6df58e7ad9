"""What a decoder hands over: pixels as stored, and what is needed to show them."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.decode.reason import DecodeError, RejectReason

if TYPE_CHECKING:
    from PIL.Image import Image

# Orientations whose picture lies on its side: width and height change places when shown.
SIDEWAYS = frozenset({5, 6, 7, 8})


@dataclass(slots=True)
class Raster:
    """`image`: any mode, as stored, possibly shrunk by the decoder; `width`, `height`: the stored picture's own.

    `averaged`: whole pixels, across and down, of which the decoder has made one.
    `orientation`: EXIF 1..8 still to be applied. `exif`: the TIFF-structured block (bytes), empty where there is none.
    `sum`: models.decode.pixel_digest.pixel_crc of `image`, by a decoder that has the bytes at hand of which it is made.
    `suspect`: why the picture may be damaged although it decodes. `maker`: who made the pixels, where it is not
    Pillow: another's are only like them.
    """

    image: "Image"
    width: int
    height: int
    orientation: int = 1
    exif: bytes = b""
    note: str = ""
    suspect: str = ""
    maker: str = ""
    averaged: tuple[int, int] = (1, 1)
    sum: int | None = None


def check_pixel_count(width: int, height: int, max_pixels: int) -> None:
    """Raises Unfit(PIXELS) above the cap and Unfit(DAMAGED) for a picture without extent. Call before decoding."""
    if width <= 0 or height <= 0:
        raise DecodeError(RejectReason.DAMAGED, f"the header says {width}x{height} pixels")
    if width * height > max_pixels:
        limit = f"{max_pixels / 1e6:g} million"
        raise DecodeError(RejectReason.PIXELS, f"{width}x{height} pixels, the limit is {limit}")
