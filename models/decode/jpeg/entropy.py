"""The Python side of entropy.c: the result of the entropy walk of a JPEG, with names."""

from enum import IntEnum
from typing import NamedTuple

from models.native import entropy


class JpegFault(IntEnum):
    """In the order of blocks.h. The walk stops at a fault up to SCRIPT, and continues after one from RANGE on."""

    SOUND = 0
    CODE = 1
    INDEX = 2
    SHORT = 3
    LONG = 4
    RESTART = 5
    EOBRUN = 6
    HEADER = 7
    TABLES = 8
    SCRIPT = 9
    RANGE = 10
    CONTRAST = 11
    OVERSHOOT = 12
    WASTE = 13
    PADDING = 14
    UNREFINED = 15


class JpegWalk(NamedTuple):
    """The result of a walk.

    `fault`: the gravest one, in `scan` of `scans` so far, at `row` in pixels (-1: unknown), at byte `offset`.
    `end`: offset behind the end-of-image marker, if `ended`. `leftover_bits`: between the last MCU and the marker.
    `padded_ones`, `padded_zeros`: number of segments padded with ones, with zeros. `break_score`: how clearly the image
    breaks at `break_row` (see breaks.h). `blank_row`: the first row of a blank end, 0 if there is none. `counts`:
    occurrences of each fault.
    `pixels`: channels, width, height and bytes (grey or RGBX) of the shrunk image, if the walk decoded it.
    """

    fault: JpegFault
    scans: int
    scan: int
    row: int
    offset: int
    end: int
    leftover_bits: int
    padded_ones: int
    padded_zeros: int
    ended: bool
    break_score: float
    break_row: int
    blank_row: int
    counts: tuple[int, ...]
    pixels: "entropy.Pixels | None" = None


def walk_jpeg(data: bytes, max_pixels: int, eighths: int = 0) -> JpegWalk | None:
    """Walk all scans; return None for a JPEG without Huffman codes, or of other than 8 bits. Raises MemoryError.

    Above `max_pixels` the fault is HEADER. `eighths`: decode the pixels at 1, 2, 4 or 8 eighths of the size, if nothing
    in the file could make libjpeg warn; 0: do not.
    """
    report = entropy.walk(data, max_pixels, eighths)
    if report is None:
        return None
    return JpegWalk(JpegFault(report[0]), *report[1:9], bool(report[9]), *report[10:])
