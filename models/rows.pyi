"""PNG's row filters, and averages of rows, in C (rows.c)."""

def unfilter(data: bytearray, row_bytes: int, pixel_bytes: int, /) -> bool:
    """Undo the filters in place: rows of a filter's byte and `row_bytes` others become rows without the former, at the
    start of `data`. False for a filter, or a size, that there is none of; `data` is then spoiled.
    """

def average(
    rows: bytes | bytearray | memoryview, width: int, pixel_bytes: int, across: int, down: int, palette: bytes, /
) -> bytes | None:
    """Means of `across` x `down` pixels, fewer at the right and at the bottom, as `Image.reduce` rounds them: grey for
    one byte a pixel without a `palette` (RGB), else RGBX. None where four bytes a pixel are not opaque, and for sizes
    that do not fit or factors above 256.
    """
