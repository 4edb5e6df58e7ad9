"""A TIFF's pixels as the file means them (TIFF 6.0), where Pillow reads something else out of it."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from PIL import Image, ImageChops

from models.decode.colour import flatten
from models.decode.reason import DecodeError, RejectReason
from models.decode.tiff.directory import COMPRESSION, PLANAR, TiffDirectory
from models.decode.tiff.kind import BITS_PER_SAMPLE, PHOTOMETRIC, SEPARATE

COLOUR_MAP, SAMPLE_FORMAT, UNSIGNED, SIGNED = 320, 339, 1, 2
WHITE_IS_ZERO = 0
WHITE = (255, 255, 255)


@contextmanager
def libtiff_where_needed(page: TiffDirectory) -> Iterator[None]:
    """Around the decoder: Pillow's own takes uncompressed planes of 16 bits for planes of 8; libtiff does not."""
    if page.only(PLANAR) != SEPARATE or page.only(BITS_PER_SAMPLE) != 16 or not _is_uncompressed(page):
        yield
        return
    from PIL import TiffImagePlugin  # for such a file only: a worker does not start with all formats

    TiffImagePlugin.READ_LIBTIFF = True
    try:
        yield
    finally:
        TiffImagePlugin.READ_LIBTIFF = False


def correct_pixels(image: Image.Image, page: TiffDirectory) -> Image.Image:
    """The same image, or one with other values, of `page` as Pillow loaded it. Raises Unfit(UNSUPPORTED)."""
    if image.mode in ("LA", "La") and page.only(PLANAR) == SEPARATE:
        raise DecodeError(
            RejectReason.UNSUPPORTED, "TIFF of separate planes of grey and transparency"
        )  # Pillow shows none of it
    if image.mode == "P":
        return _with_low_byte_palette(image, page)
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    values = _corrected_values(np.asarray(image), image.mode, page)
    if values is not None:
        image = Image.fromarray(values)
    # Pillow turns WhiteIsZero round in 8 bits only. What range other numbers have, flatten finds out.
    inverted = page.entries.get(PHOTOMETRIC) and page.only(PHOTOMETRIC) == WHITE_IS_ZERO
    return ImageChops.invert(flatten(image, WHITE)) if inverted else image


def _corrected_values(stored: np.ndarray, mode: str, page: TiffDirectory) -> np.ndarray | None:
    """Other numbers, uint16 or float32 [height, width]; None where Pillow's are right."""
    bits = page.only(BITS_PER_SAMPLE)
    if mode.startswith("I;16") and 8 < bits < 16:
        scaled: np.ndarray = np.rint(stored.astype(np.float32) * (65535 / (2**bits - 1))).astype(np.uint16)
        return scaled
    if mode == "F" and page.order == "big" and not _is_uncompressed(page):
        return stored.byteswap()  # libtiff has turned them already, and Pillow turned them once more
    if mode == "I" and bits == 32 and page.only(SAMPLE_FORMAT) in (0, UNSIGNED):
        return stored.view(np.uint32).astype(np.float32)
    if mode == "I" and bits == 16 and page.only(SAMPLE_FORMAT) == SIGNED and stored.min(initial=0) < 0:
        return (stored + 32768).astype(np.uint16)
    return None


def _with_low_byte_palette(image: Image.Image, page: TiffDirectory) -> Image.Image:
    """Colours are of 16 bits, of which Pillow takes the upper half; some writers fill only the lower one."""
    colours = page.numbers(COLOUR_MAP)
    if len(colours) != 3 * 256 or max(colours) > 255:
        return image
    shown = image.copy()
    shown.putpalette(bytes(colours[channel * 256 + index] for index in range(256) for channel in range(3)))
    return shown


def _is_uncompressed(page: TiffDirectory) -> bool:
    return page.only(COMPRESSION) in (0, 1)
