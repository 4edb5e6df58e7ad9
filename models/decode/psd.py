"""Photoshop documents: the flattened image that they store after their layers."""

from functools import cache
from struct import pack

import numpy as np
from PIL import Image, ImageChops

from models.decode.exif import read_exif
from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.psd_layout import BITMAP, INDEXED, MULTICHANNEL, PsdLayout, read_psd_layout
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason, length_mismatch
from models.decode.zero_runs import lost_rows
from models.native.rows import first_bad_row
from models.recipe import Recipe

MAX_DARKER_SHARE = 0.01  # share of translucent pixels too dark to be blended with white: another writer


def remove_white_matte(image: Image.Image) -> Image.Image:
    """Undo Photoshop's blending of an RGBA image with white, if the image has it.

    Composited as stored, soft edges would be blended with white twice (an error of up to 60 of 255 in real documents).
    Dropping the alpha channel was tried and rejected: it is right on white only, and differs from a copy saved as PNG.
    """
    *colours, alpha = (np.asarray(band) for band in image.split())
    soft = np.count_nonzero(alpha < 255)
    darkest = 254 - np.minimum(alpha, 254)  # tolerate one step of rounding
    darker = sum(np.count_nonzero(band < darkest) for band in colours)
    if not soft or darker > MAX_DARKER_SHARE * len(colours) * soft:
        return image
    offset = alpha.astype(np.uint16) << 8
    unmatted = [Image.fromarray(_unmatte_table().take(offset | band)) for band in colours]
    return Image.merge("RGBA", [*unmatted, image.getchannel("A")])


@cache
def _unmatte_table() -> np.ndarray:
    """Return uint8 [alpha * 256 + colour on white]: the colour itself. Computing it per pixel took seconds."""
    alpha = np.maximum(np.arange(256), 1)[:, None]
    inverse = (255 - np.arange(256))[None]
    colours: np.ndarray = 255 - np.minimum(255, (inverse * 255 + alpha // 2) // alpha)
    return colours.astype(np.uint8).ravel()


RAW, PACKED, ZIPPED = 0, 1, (2, 3)
DEEP_BITS = 16  # bits per channel


def decode_psd(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the flattened image; it is suspect if raw pixels look lost, or if bytes follow it.

    Raises DecodeError, or what Pillow raises.
    """
    layout = read_psd_layout(data)
    _check_kind(layout)
    check_pixel_count(layout.width, layout.height, max_pixels)
    coding = int.from_bytes(data[layout.image_offset : layout.image_offset + 2], "big")
    stop = _packed_end(data, layout) if coding == PACKED else _raw_end(data, layout, coding)
    raster = load_raster(
        open_with_plugin("PsdImagePlugin", "PsdImageFile", _flattened_document(data, layout, coding)), 2 * max_pixels
    )
    raster.image = _as_displayed(_high_bytes(raster.image) if layout.depth == DEEP_BITS else raster.image, layout)
    raster.width, raster.height = layout.width, layout.height
    raster.exif, raster.orientation = layout.exif, read_exif(layout.exif).orientation
    if coding == RAW:
        paper = layout.mode == BITMAP
        lost = lost_rows(data, layout.image_offset + 2, stop, layout.height, planes=layout.channels, paper=paper)
        extra = len(data) - stop
        raster.suspect = lost or (length_mismatch(extra) if extra > 1 else "")  # one byte may pad to an even length
    return raster


def _check_kind(layout: PsdLayout) -> None:
    if layout.depth == 32:
        raise DecodeError(RejectReason.UNSUPPORTED, "Photoshop document of 32 bits per channel")
    if layout.mode == MULTICHANNEL and layout.channels > 1:  # Pillow shows only the first one
        raise DecodeError(RejectReason.UNSUPPORTED, "Photoshop document with multiple channels")
    if layout.mode == INDEXED and len(layout.palette) != 768:
        raise DecodeError(RejectReason.DAMAGED, f"a palette of {len(layout.palette)} bytes")
    # In all four such documents found, the image is white or a text that says so, which a test of its colours would let
    # through. Without layers it is the only image.
    if not layout.has_merged_image and layout.layers:
        raise DecodeError(RejectReason.UNSUPPORTED, "Photoshop document without a flattened image")


def _raw_end(data: bytes, layout: PsdLayout, coding: int) -> int:
    """Return the offset behind the raw pixels. Raises DecodeError."""
    if coding in ZIPPED:  # Pillow decodes none of it and reports no error
        raise DecodeError(RejectReason.UNSUPPORTED, "Photoshop document with ZIP compression")
    if coding != RAW:
        raise DecodeError(RejectReason.DAMAGED, f"unknown compression {coding}")
    stop = layout.image_offset + 2 + layout.channels * layout.height * layout.row_bytes
    if stop > len(data):
        raise DecodeError(RejectReason.TRUNCATED, f"{stop - len(data)} bytes of the image are missing")
    return stop


def _packed_end(data: bytes, layout: PsdLayout) -> int:
    """Return the offset behind packed rows, after checking each: Pillow unpacks them as one stream without checks."""
    rows = layout.channels * layout.height
    table = layout.image_offset + 2
    first = table + 2 * rows
    if first > len(data):
        raise DecodeError(RejectReason.TRUNCATED, "the data ends within the table of row lengths")
    lengths = np.frombuffer(data, ">u2", rows, table).astype(np.int64)
    ends = first + np.cumsum(lengths)
    if ends[-1] > len(data):
        raise DecodeError(RejectReason.TRUNCATED, f"{ends[-1] - len(data)} bytes of the image are missing")
    bad = first_bad_row(data, ends - lengths, lengths, layout.row_bytes, 0)
    if bad >= 0:
        plane, row = divmod(bad, layout.height)
        raise DecodeError(
            RejectReason.DAMAGED, f"row {row} of channel {plane + 1} does not unpack to {layout.row_bytes} bytes"
        )
    return int(ends[-1])


def _flattened_document(data: bytes, layout: PsdLayout, coding: int) -> bytes:
    """Return a document of the flattened image's channels only: Pillow would misread others.

    Pillow does not read 16 bits per channel, so such an image is declared as 8 bits and twice as wide.
    """
    size = (layout.width * 2, 8) if layout.depth == DEEP_BITS else (layout.width, layout.depth)
    head = data[:12] + pack(">HIIHH", layout.shown_channels, layout.height, *size, layout.mode)
    head += pack(">I", len(layout.palette)) + layout.palette
    table = layout.image_offset + 2
    end = table + 2 * layout.channels * layout.height if coding == PACKED else table
    kept = data[table : table + 2 * layout.shown_channels * layout.height] if coding == PACKED else b""
    return b"".join((head, bytes(8), data[layout.image_offset : table], kept, memoryview(data)[end:]))


def _high_bytes(double_width: Image.Image) -> Image.Image:
    """Return every other byte of a row, the high byte of each number."""
    values = np.ascontiguousarray(np.asarray(double_width)[:, ::2])
    return Image.frombytes(double_width.mode, values.shape[1::-1], values.tobytes())


def _as_displayed(image: Image.Image, layout: PsdLayout) -> Image.Image:
    if layout.mode == BITMAP:  # a set bit is black, but white in Pillow
        return ImageChops.invert(image)
    return remove_white_matte(image) if image.mode == "RGBA" else image
