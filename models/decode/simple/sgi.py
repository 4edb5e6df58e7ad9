"""SGI pictures: planes of rows from the bottom up, raw or packed in runs (draft 0.97)."""

from struct import unpack_from
from typing import NamedTuple

import numpy as np

from models.decode.detectors import SGI_HEADER_BYTES
from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason
from models.decode.zero_runs import lost_rows
from models.native.rows import first_bad_row
from models.recipe import Recipe


class _SgiHeader(NamedTuple):
    packed: int
    each: int  # bytes of a pixel in one channel
    dimensions: int
    width: int
    height: int
    channels: int


def decode_sgi(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit, or what Pillow raises. Suspect where raw pixels are lost, or more than there should be."""
    head = _SgiHeader(*unpack_from(">BBHHHH", data, 2))
    check_pixel_count(head.width, head.height, max_pixels)
    if head.packed:
        _check_rows(data, head)
    raster = load_raster(open_with_plugin("SgiImagePlugin", "SgiImageFile", data), max_pixels)
    if not head.packed:
        raster.suspect = _raw_fault(data, head)
    return raster


def _check_rows(data: bytes, head: _SgiHeader) -> None:
    """Pillow leaves what a row lacks black, and says nothing."""
    rows = head.height * head.channels
    if SGI_HEADER_BYTES + 8 * rows > len(data):
        raise DecodeError(RejectReason.TRUNCATED, "the data ends within the table of rows")
    table = np.frombuffer(data, ">u4", 2 * rows, SGI_HEADER_BYTES).astype(np.int64)
    starts, lengths = table[:rows], table[rows:]
    past = np.flatnonzero(starts + lengths > len(data))
    if past.size:
        raise DecodeError(RejectReason.TRUNCATED, f"{_row_text(int(past[0]), head)} lies past the end")
    bad = first_bad_row(data, starts, lengths, head.width, head.each)
    if bad >= 0:
        raise DecodeError(RejectReason.DAMAGED, f"{_row_text(bad, head)} does not unpack to {head.width} pixels")


def _row_text(index: int, head: _SgiHeader) -> str:
    channel, row = divmod(index, head.height)
    return f"row {head.height - 1 - row} of channel {channel + 1}"


def _raw_fault(data: bytes, head: _SgiHeader) -> str:
    stop = SGI_HEADER_BYTES + head.width * head.height * head.channels * head.each
    lost = lost_rows(data, SGI_HEADER_BYTES, stop, head.height, upwards=True, planes=head.channels)
    return lost or (f"{len(data) - stop} bytes more than its header says" if len(data) > stop else "")
