"""A digest of decoded pixels: the same under other metadata, another one after a retouch."""

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from models.recipe import Recipe

if TYPE_CHECKING:
    from PIL import Image

DIGEST_BYTES = 16
PIPELINE_BYTES = 4  # leading bytes that must agree before the rest says anything
DIGEST_VERSION = 2  # goes up whenever we read other pixels out of the same bytes, of any format


def pixel_digest(coarse: int, size: tuple[int, int], small: bytes, recipe: Recipe, maker: str = "") -> bytes:
    """16 bytes: 4 of what made the pixels, 4 of `coarse`, 8 of `small`.

    `small`: the picture as stored, decoded and resized to the model's `size`; `coarse`: the sum of the same averaged
    down to no less than twice that, where that was done. What shows in neither is not seen: a pixel or two of a dozen
    megapixels, while a lossy format written again shows in thousands of values. The larger one has to do with a CRC-32;
    the SHA-256 of the smaller makes digests good enough to be looked up among millions.
    """
    exact = hashlib.sha256(small).digest()[: DIGEST_BYTES - PIPELINE_BYTES - 4]
    return _pipeline_tag(recipe, size, maker) + coarse.to_bytes(4, "little") + exact


def image_crc(image: "Image.Image") -> int:
    """Of its pixels, row by row. Having them out of Pillow takes four times as long as summing them."""
    return pixel_crc(image.size, image.tobytes())


def pixel_crc(size: tuple[int, int], pixels: bytes) -> int:
    """CRC-32 of a picture's size and pixels."""
    from models.native.crc32 import crc32  # not for commands that only compare

    return crc32(pixels, crc32(b"%d %d " % size))


def same_pixels(one: bytes | None, other: bytes | None) -> bool | None:
    """Whether two digests are of the same pixels; None where they cannot be compared (another recipe or decoder)."""
    if not one or not other or one[:PIPELINE_BYTES] != other[:PIPELINE_BYTES]:
        return None
    return one == other


@lru_cache(256)
def _pipeline_tag(recipe: Recipe, size: tuple[int, int], maker: str) -> bytes:
    """Another size, as a recipe that is not square has it for a turned picture, or another decoder: other pixels."""
    from PIL import __version__ as pillow

    from models.native.crc32 import crc32

    made = f"{recipe} {size} {maker} {DIGEST_VERSION} pillow {pillow}"
    return crc32(made.encode()).to_bytes(PIPELINE_BYTES, "little")
