"""Zeros where compressed data should be: how a lost sector or a never finished download looks to lenient decoders."""

from collections.abc import Iterable

from models.reason import Reason, Unfit

# HEVC forbids three zero bytes in a row and arithmetic coders do not make thousands; decoders conceal the loss and
# say nothing (measured: libde265, dav1d and libwebp show a picture for every 4 KiB zeroed in the middle).
HOLE = bytes(2048)


def check_holes(data: bytes, start: int, stop: int, metadata: Iterable[bytes] = ()) -> None:
    """Raises Unfit(DAMAGED) for 2 KiB of zeros in data[start:stop], unless they lie in a block of `metadata`."""
    at = data.find(HOLE, start, stop)
    if at < 0:
        return
    spans = [(place, place + len(block)) for block in metadata if (place := data.find(block)) >= 0]
    while at >= 0:
        inside = next((end for begin, end in spans if begin <= at < end), None)
        if inside is None:
            size = len(data[at:stop]) - len(data[at:stop].lstrip(b"\0"))
            raise Unfit(Reason.DAMAGED, f"{size} zero bytes inside the compressed picture, from byte {at}")
        at = data.find(HOLE, inside, stop)
