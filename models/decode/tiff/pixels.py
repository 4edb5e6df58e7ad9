"""Corrections of a TIFF's pixels (TIFF 6.0) where Pillow misreads them."""

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
    """Decode with libtiff inside the block if needed: Pillow itself reads uncompressed 16-bit planes as 8-bit ones."""
    if page.first_number(PLANAR) != SEPARATE or page.first_number(BITS_PER_SAMPLE) != 16 or not _is_uncompressed(page):
        yield
        return
    from PIL import TiffImagePlugin  # only such a file needs it: workers start without most plugins

    TiffImagePlugin.READ_LIBTIFF = True
    try:
        yield
    finally:
        TiffImagePlugin.READ_LIBTIFF = False


def correct_pixels(image: Image.Image, page: TiffDirectory) -> Image.Image:
    """Return the image that Pillow loaded, corrected as `page` requires. Raises DecodeError(UNSUPPORTED)."""
    if image.mode in ("LA", "La") and page.first_number(PLANAR) == SEPARATE:
        # Pillow decodes none of it.
        raise DecodeError(RejectReason.UNSUPPORTED, "TIFF with separate planes of grey and alpha")
    if image.mode == "P":
        return _with_low_byte_palette(image, page)
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    values = _corrected_values(np.asarray(image), image.mode, page)
    if values is not None:
        image = Image.fromarray(values)
    # Pillow inverts WhiteIsZero in 8 bits only; `flatten` determines the range of other numbers.
    inverted = page.entries.get(PHOTOMETRIC) and page.first_number(PHOTOMETRIC) == WHITE_IS_ZERO
    return ImageChops.invert(flatten(image, WHITE)) if inverted else image


def _corrected_values(stored: np.ndarray, mode: str, page: TiffDirectory) -> np.ndarray | None:
    """Return corrected values, uint16 or float32 [height, width]; None if Pillow's are right."""
    bits = page.first_number(BITS_PER_SAMPLE)
    if mode.startswith("I;16") and 8 < bits < 16:
        scaled: np.ndarray = np.rint(stored.astype(np.float32) * (65535 / (2**bits - 1))).astype(np.uint16)
        return scaled
    if mode == "F" and page.order == "big" and not _is_uncompressed(page):
        return stored.byteswap()  # libtiff swapped the bytes, and Pillow swapped them again
    if mode == "I" and bits == 32 and page.first_number(SAMPLE_FORMAT) in (0, UNSIGNED):
        return stored.view(np.uint32).astype(np.float32)
    if mode == "I" and bits == 16 and page.first_number(SAMPLE_FORMAT) == SIGNED and stored.min(initial=0) < 0:
        return (stored + 32768).astype(np.uint16)
    return None


def _with_low_byte_palette(image: Image.Image, page: TiffDirectory) -> Image.Image:
    """Apply a 16-bit palette whose writer filled the low bytes only; Pillow takes the high bytes."""
    colours = page.numbers(COLOUR_MAP)
    if len(colours) != 3 * 256 or max(colours) > 255:
        return image
    corrected = image.copy()
    corrected.putpalette(bytes(colours[channel * 256 + index] for index in range(256) for channel in range(3)))
    return corrected


def _is_uncompressed(page: TiffDirectory) -> bool:
    return page.first_number(COMPRESSION) in (0, 1)
