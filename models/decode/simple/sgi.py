"""SGI images: planes of rows from the bottom up, raw or run-length coded (draft 0.97)."""

from struct import unpack_from
from typing import NamedTuple

import numpy as np

from models.decode.detectors import SGI_HEADER_BYTES
from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason, length_mismatch
from models.decode.zero_runs import lost_rows
from models.native.rows import first_bad_row
from models.recipe import Recipe


class _SgiHeader(NamedTuple):
    packed: int
    sample_bytes: int
    dimensions: int
    width: int
    height: int
    channels: int


def decode_sgi(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the image; it is suspect if raw pixels look lost, or if bytes follow them.

    Raises DecodeError, or what Pillow raises.
    """
    header = _SgiHeader(*unpack_from(">BBHHHH", data, 2))
    check_pixel_count(header.width, header.height, max_pixels)
    if header.packed:
        _check_rows(data, header)
    raster = load_raster(open_with_plugin("SgiImagePlugin", "SgiImageFile", data), max_pixels)
    if not header.packed:
        raster.suspect = _raw_fault(data, header)
    return raster


def _check_rows(data: bytes, header: _SgiHeader) -> None:
    """Check every packed row: Pillow leaves missing pixels black without an error."""
    rows = header.height * header.channels
    if SGI_HEADER_BYTES + 8 * rows > len(data):
        raise DecodeError(RejectReason.TRUNCATED, "the data ends within the row table")
    table = np.frombuffer(data, ">u4", 2 * rows, SGI_HEADER_BYTES).astype(np.int64)
    starts, lengths = table[:rows], table[rows:]
    past = np.flatnonzero(starts + lengths > len(data))
    if past.size:
        raise DecodeError(RejectReason.TRUNCATED, f"{_row_text(int(past[0]), header)} is past the end")
    bad = first_bad_row(data, starts, lengths, header.width, header.sample_bytes)
    if bad >= 0:
        raise DecodeError(RejectReason.DAMAGED, f"{_row_text(bad, header)} does not unpack to {header.width} pixels")


def _row_text(index: int, header: _SgiHeader) -> str:
    channel, row = divmod(index, header.height)
    return f"row {header.height - 1 - row} of channel {channel + 1}"


def _raw_fault(data: bytes, header: _SgiHeader) -> str:
    stop = SGI_HEADER_BYTES + header.width * header.height * header.channels * header.sample_bytes
    lost = lost_rows(data, SGI_HEADER_BYTES, stop, header.height, upwards=True, planes=header.channels)
    return lost or length_mismatch(max(0, len(data) - stop))
