"""The boxes of a JP2 or JPX file (T.800, annex I)."""

from collections.abc import Iterator
from typing import NamedTuple


class Box(NamedTuple):
    """`kind`: four bytes; its content is data[start:stop], which the data may end before."""

    kind: bytes
    start: int
    stop: int


def boxes(data: bytes, start: int, stop: int) -> Iterator[Box]:
    """Those that lie in data[start:stop] one behind the other, up to the first that makes no sense."""
    while start + 8 <= stop:
        size, kind, head = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        elif size == 0:  # up to the end
            size = stop - start
        if size < head:
            return
        yield Box(kind, start + head, min(start + size, stop))
        start += size


def first(data: bytes, kind: bytes, start: int, stop: int) -> Box | None:
    """The first of its kind."""
    return next((box for box in boxes(data, start, stop) if box.kind == kind), None)
