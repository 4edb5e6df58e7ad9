"""A digest of decoded pixels: unaffected by metadata, different after a retouch."""

import hashlib
from functools import lru_cache
from typing import TYPE_CHECKING

from models.recipe import Recipe

if TYPE_CHECKING:
    from PIL import Image

DIGEST_BYTES = 16
PIPELINE_BYTES = 4  # leading bytes that must be equal before the rest can be compared
DIGEST_VERSION = 2  # goes up when the same bytes of any format decode to different pixels


def pixel_digest(coarse: int, size: tuple[int, int], small: bytes, recipe: Recipe, decoder: str = "") -> bytes:
    """Return 16 bytes: 4 for the pipeline that made the pixels, 4 for `coarse`, 8 for `small`.

    `small`: pixels of the image as stored, resized to the model's `size`. `coarse`: CRC-32 of the image reduced to no
    less than twice that size, if it was reduced. A change that is visible in neither goes unnoticed: a pixel or two of
    twelve megapixels. Saving in a lossy format again changes thousands of values. A CRC-32 is enough for the larger
    one; the SHA-256 of the smaller one makes the digest unique among millions.
    """
    exact = hashlib.sha256(small).digest()[: DIGEST_BYTES - PIPELINE_BYTES - 4]
    return _pipeline_tag(recipe, size, decoder) + coarse.to_bytes(4, "little") + exact


def image_crc(image: "Image.Image") -> int:
    """Return pixel_crc of an image. Copying the pixels out of Pillow takes four times as long as the CRC."""
    return pixel_crc(image.size, image.tobytes())


def pixel_crc(size: tuple[int, int], pixels: bytes) -> int:
    """Return the CRC-32 of an image's size and pixels."""
    from models.native.crc32 import crc32  # commands that only compare do not need it

    return crc32(pixels, crc32(b"%d %d " % size))


def same_pixels(one: bytes | None, other: bytes | None) -> bool | None:
    """Whether two digests are of the same pixels; None if they cannot be compared (different recipe or decoder)."""
    if not one or not other or one[:PIPELINE_BYTES] != other[:PIPELINE_BYTES]:
        return None
    return one == other


@lru_cache(256)
def _pipeline_tag(recipe: Recipe, size: tuple[int, int], decoder: str) -> bytes:
    """Return 4 bytes for all that determines the pixels; `size` varies with orientation if a recipe is not square."""
    from PIL import __version__ as pillow

    from models.native.crc32 import crc32

    pipeline = f"{recipe} {size} {decoder} {DIGEST_VERSION} pillow {pillow}"
    return crc32(pipeline.encode()).to_bytes(PIPELINE_BYTES, "little")
