"""Zeros where compressed data should be: how a lost sector or a never finished download looks to lenient decoders.

Measured: libde265, dav1d and libwebp show a picture, and say nothing, for every 4 KiB zeroed in the middle.
"""

from collections.abc import Iterable, Iterator

from models.reason import Reason, Unfit

HOLE = bytes(2048)
SECTOR = 4096


def check_holes(data: bytes, start: int, stop: int, metadata: Iterable[bytes] = ()) -> None:
    """Raises Unfit(DAMAGED) for 2 KiB of zeros in data[start:stop], unless they lie in a block of `metadata`.

    For HEVC, which forbids three zero bytes in a row, and AV1, whose arithmetic coder makes none even of flat colour.
    """
    spans = [(place, place + len(block)) for block in metadata if block and (place := data.find(block)) >= 0]
    for begin, end in _runs(data, start, stop, HOLE):
        if not any(first <= begin < last for first, last in spans):
            raise _lost(begin, end)


def check_sectors(data: bytes, start: int, stop: int) -> None:
    """Raises Unfit(DAMAGED) for zeros that fill whole sectors of the file, from edge to edge or to the end.

    For WebP, whose coders do write long zeros for flat colour, but not between two multiples of 4096.
    """
    for begin, end in _runs(data, start, stop, bytes(SECTOR - 2)):
        # By chance the last byte before the sector, or the first one after it, is a zero of its own.
        if -begin % SECTOR <= 1 and (end % SECTOR <= 1 or end == stop):
            raise _lost(begin, end)


def _runs(data: bytes, start: int, stop: int, least: bytes) -> Iterator[tuple[int, int]]:
    begin = data.find(least, start, stop)
    while begin >= 0:
        rest = data[begin:stop]
        end = begin + len(rest) - len(rest.lstrip(b"\0"))
        yield begin, end
        begin = data.find(least, end, stop)


def _lost(begin: int, end: int) -> Unfit:
    return Unfit(Reason.DAMAGED, f"{end - begin} zero bytes inside the compressed picture, from byte {begin}")
