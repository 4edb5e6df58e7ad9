"""What the entropy walker found in a JPEG, with names: the Python side of entropy.c."""

from enum import IntEnum
from typing import NamedTuple

from models.native import entropy


class JpegFault(IntEnum):
    """In the order of blocks.h. Up to SCRIPT there is no way on; from RANGE the walk went on."""

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
    """`fault`: the gravest, in `scan` of `scans` so far, at `row` in pixels (-1: unknown), `offset` bytes in.

    `end`: offset behind the end-of-image marker if `ended`. `left`: bits between the last MCU and the marker.
    `ones`, `zeros`: segments padded so. `break_score`: how clearly the picture breaks at `break_row` (see breaks.h);
    `blank_row`: from where on it is blank, 0 if it is not. `counts`: of each Fault.
    `pixels`: channels, width, height and bytes (grey or RGBX) of the shrunk picture, where the walk has them.
    """

    fault: JpegFault
    scans: int
    scan: int
    row: int
    offset: int
    end: int
    left: int
    ones: int
    zeros: int
    ended: bool
    break_score: float
    break_row: int
    blank_row: int
    counts: tuple[int, ...]
    pixels: "entropy.Pixels | None" = None


def walk_jpeg(data: bytes, max_pixels: int, eighths: int = 0) -> JpegWalk | None:
    """None for what has no Huffman codes or not 8 bits. Raises MemoryError; above `max_pixels` it gives HEADER.

    `eighths`: 1, 2, 4 or 8, of the size at which pixels are wanted, if libjpeg could have nothing to complain of.
    """
    report = entropy.walk(data, max_pixels, eighths)
    if report is None:
        return None
    return JpegWalk(JpegFault(report[0]), *report[1:9], bool(report[9]), *report[10:])
