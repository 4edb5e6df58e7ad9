"""Unfiltering and reducing of PNG rows, differences along rows, and checks of packed rows, in C (rows.c)."""

import numpy as np

def unfilter(data: bytearray, row_bytes: int, pixel_bytes: int, /) -> bool:
    """Undo the filters in place: rows of a filter byte and `row_bytes` others become rows without the former, at the
    start of `data`. Return False for an unknown filter or an impossible size; `data` is then undefined.
    """

def average(data: bytearray, width: int, pixel_bytes: int, across: int, down: int, palette: bytes, /) -> bytes | bool:
    """Undo the filters in place as `unfilter` does, and return the means of `across` x `down` pixels, fewer at the
    right and bottom edges, rounded as in `Image.reduce`: grey for one byte per pixel without `palette`, else RGBX.

    Return True instead if pixels of four bytes are not opaque; False like `unfilter`, and for factors above 256.
    Raises MemoryError.
    """

def steps(rows: bytes, width: int, /) -> tuple[int, int]:
    """Return the sums of the absolute first and second differences along rows of grey; (0, 0) for rows of fewer than
    three pixels, or if `width` does not divide the length.
    """

def first_bad_row(data: bytes, starts: np.ndarray, lengths: np.ndarray, width: int, unit_bytes: int, /) -> int:
    """Return the index of the first row, of `lengths` bytes from `starts` (int64, contiguous), that is outside `data`
    or does not unpack to exactly `width` units; -1 if there is none. `unit_bytes`: of SGI's coding (1 or 2), or 0 for
    PackBits, whose packets must fill the row as well. Raises ValueError for arrays of different lengths.
    """
