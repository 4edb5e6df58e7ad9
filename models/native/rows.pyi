"""PNG's row filters, averages of rows, sums of their steps, and a proof of packed rows, in C (rows.c)."""

import numpy as np

def unfilter(data: bytearray, row_bytes: int, pixel_bytes: int, /) -> bool:
    """Undo the filters in place: rows of a filter's byte and `row_bytes` others become rows without the former, at the
    start of `data`. False for a filter, or a size, that there is none of; `data` is then spoiled.
    """

def average(data: bytearray, width: int, pixel_bytes: int, across: int, down: int, palette: bytes, /) -> bytes | bool:
    """Undo the filters in place as `unfilter` does, and tell the means of `across` x `down` pixels, fewer at the right
    and at the bottom, as `Image.reduce` rounds them: grey for one byte a pixel without a `palette` (RGB), else RGBX.

    True, and no means, where four bytes a pixel are not opaque; False as of `unfilter`, and for factors above 256.
    Raises MemoryError.
    """

def steps(rows: bytes, width: int, /) -> tuple[int, int]:
    """Along rows of grey, the sum of all differences between neighbours, without their signs, and that of the
    differences between these, with theirs. (0, 0) of rows of fewer than three, and where `width` does not fit.
    """

def first_bad_row(data: bytes, starts: np.ndarray, lengths: np.ndarray, width: int, each: int, /) -> int:
    """Index of the first row, of `lengths` bytes from `starts` (int64, contiguous), that lies outside of `data` or does
    not unpack to exactly `width` units; -1 where there is none. `each`: bytes of a unit of SGI's coding (1 or 2), or 0
    for PackBits, whose packets must fill the row as well. Raises ValueError for arrays of unlike size.
    """
