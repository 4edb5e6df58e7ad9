"""PNG's row filters in C (rows.c)."""

def unfilter(data: bytearray, row_bytes: int, pixel_bytes: int, /) -> bool:
    """Undo the filters in place: rows of a filter's byte and `row_bytes` others become rows without the former, at the
    start of `data`. False for a filter, or a size, that there is none of; `data` is then spoiled.
    """
