"""Where the packets of a JPEG 2000 lie, and how many zeros in a row they may hold (T.800, annexes A and B).

The boxes of a JP2 or JPX file (T.800, annex I).
"""

from collections.abc import Iterator
from struct import error, unpack_from
from typing import NamedTuple


class Jp2Box(NamedTuple):
    """`kind`: four bytes; its content is data[start:stop], which the data may end before."""

    kind: bytes
    start: int
    stop: int


def jp2_boxes(data: bytes, start: int, stop: int) -> Iterator[Jp2Box]:
    """Those that lie in data[start:stop] one behind the other, up to the first that makes no sense."""
    while start + 8 <= stop:
        size, kind, head = int.from_bytes(data[start : start + 4], "big"), data[start + 4 : start + 8], 8
        if size == 1:
            size, head = int.from_bytes(data[start + 8 : start + 16], "big"), 16
        elif size == 0:  # up to the end
            size = stop - start
        if size < head:
            return
        yield Jp2Box(kind, start + head, min(start + size, stop))
        start += size


def first_box(data: bytes, kind: bytes, start: int, stop: int) -> Jp2Box | None:
    """The first of its kind."""
    return next((box for box in jp2_boxes(data, start, stop) if box.kind == kind), None)


SOC, SOT, SIZ, COD, COC = b"\xff\x4f", 0xFF90, 0xFF51, 0xFF52, 0xFF53
CODESTREAM_START, DEPTH_OFFSET = (
    b"\xff\x4f\xff\x51",
    42,
)  # SOC and SIZ, which come first; how far in its first component stands
CODESTREAM_END = b"\xff\xd9"  # packets cannot hold it
# Measured: 12 zeros in a row are the most in 27 sound files, and 30 in 400 that OpenJPEG made. A packet of nothing is a
# zero byte, so that a flat tile of other encoders is as many as it has packets.
MIN_ZERO_RUN, ZERO_RUN_MARGIN = 64, 16
EPH_STYLE = 4  # coding style: every packet's header ends in a mark (EPH), also an empty one's
RAW_STYLES = 0x41  # code-block styles without an arithmetic coder (bypass, high throughput): zeros of any length


class Codestream(NamedTuple):
    """`start`, `stop`: bytes from the first tile-part to the end mark. `zeros`: so many in a row are a hole; 0: any may
    be sound."""

    start: int
    stop: int
    zeros: int


def find_codestream(data: bytes) -> Codestream | None:
    """The one that decoders show, the first; None where there is none."""
    start, stop = 0, len(data)
    if not data.startswith(SOC):
        box = first_box(data, b"jp2c", 0, len(data))
        if box is None:
            return None
        start, stop = box.start, box.stop
    tiles, segments = _main_header(data, start + 2, stop)
    end = data.rfind(CODESTREAM_END, tiles, stop)
    return Codestream(tiles, end + 2 if end >= 0 else stop, _min_zero_run(segments))


def component_bits(data: bytes) -> int:
    """Bits of the first component; 0 where no codestream says so."""
    at = data.find(CODESTREAM_START)
    return (data[at + DEPTH_OFFSET] & 0x7F) + 1 if 0 <= at < len(data) - DEPTH_OFFSET else 0


def _main_header(data: bytes, at: int, stop: int) -> tuple[int, dict[int, bytes]]:
    """Where it ends, and its segments: the first of each marker."""
    segments: dict[int, bytes] = {}
    while at + 4 <= stop:
        marker, size = unpack_from(">HH", data, at)
        if marker == SOT or marker < 0xFF00 or size < 2:
            break
        segments.setdefault(marker, data[at + 4 : at + 2 + size])
        at += 2 + size
    return at, segments


def _min_zero_run(segments: dict[int, bytes]) -> int:
    try:
        coding = segments[COD]
        if COC in segments or coding[8] & RAW_STYLES:
            return 0
        return (
            MIN_ZERO_RUN
            if coding[0] & EPH_STYLE
            else max(MIN_ZERO_RUN, _max_packets(segments[SIZ], coding) + ZERO_RUN_MARGIN)
        )
    except (KeyError, IndexError, error):
        return 0


def _max_packets(size: bytes, coding: bytes) -> int:
    """At most so many in a tile: layers x components x precincts of all resolutions."""
    right, below, _, _, across, down, _, _, components = unpack_from(">8IH", size, 2)
    (layers,), levels = unpack_from(">H", coding, 2), coding[5]
    precincts = 0
    for resolution in range(levels + 1):
        shrunk = levels - resolution
        exponents = coding[10 + resolution] if coding[0] & 1 else 0xFF
        wide = _max_precincts(min(across, right), right, shrunk, exponents & 15)
        precincts += wide * _max_precincts(min(down, below), below, shrunk, exponents >> 4)
    return int(layers * components * precincts)


def _max_precincts(tile: int, canvas: int, shrunk: int, exponent: int) -> int:
    """Precincts along one side: one more than fit, as tiles begin anywhere, unless one holds all of the canvas."""
    side = 1 << (shrunk + exponent)
    return 1 if canvas <= side else -(-tile // side) + 1
