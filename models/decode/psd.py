"""Photoshop documents: the flattened picture that they carry behind their layers.

What Photoshop stores behind transparency: the picture laid on white already, beside how much of it shows.
"""

from functools import cache
from struct import pack

import numpy as np
from PIL import Image, ImageChops

from models.decode.exif import read_exif
from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.psd_layout import BITMAP, INDEXED, MULTICHANNEL, PsdLayout, read_psd_layout
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason
from models.decode.zero_runs import lost_rows
from models.native.rows import first_bad_row
from models.recipe import Recipe

MAX_DARKER_SHARE = 0.01  # share of soft pixels that are darker than white shining through allows: the writer is another


def remove_white_matte(image: Image.Image) -> Image.Image:
    """The RGBA picture without the white, as every other format has it; as it is where it was never laid on white.

    Laid on a background as stored, soft edges would be bleached twice (up to 60 steps of 255 in real documents).
    Leaving out the transparency lost: it is right on white alone, and a copy saved as PNG would look different.
    """
    *colours, alpha = (np.asarray(band) for band in image.split())
    soft = np.count_nonzero(alpha < 255)
    darkest = 254 - np.minimum(alpha, 254)  # one step is left for rounding
    darker = sum(np.count_nonzero(band < darkest) for band in colours)
    if not soft or darker > MAX_DARKER_SHARE * len(colours) * soft:
        return image
    place = alpha.astype(np.uint16) << 8
    shown = [Image.fromarray(_unmatte_table().take(place | band)) for band in colours]
    return Image.merge("RGBA", [*shown, image.getchannel("A")])


@cache
def _unmatte_table() -> np.ndarray:
    """uint8 [alpha * 256 + colour on white]: the colour itself. Computed for every pixel, it took seconds."""
    alpha = np.maximum(np.arange(256), 1)[:, None]
    dark = (255 - np.arange(256))[None]
    shown: np.ndarray = 255 - np.minimum(255, (dark * 255 + alpha // 2) // alpha)
    return shown.astype(np.uint8).ravel()


RAW, PACKED, ZIPPED = 0, 1, (2, 3)
DEEP_BITS = 16  # bits a channel


def decode_psd(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit, or what Pillow raises. Suspect where raw pixels are lost, or more than there should be."""
    layout = read_psd_layout(data)
    _check_kind(layout)
    check_pixel_count(layout.width, layout.height, max_pixels)
    coding = int.from_bytes(data[layout.at : layout.at + 2], "big")
    stop = _packed_end(data, layout) if coding == PACKED else _raw_end(data, layout, coding)
    raster = load_raster(
        open_with_plugin("PsdImagePlugin", "PsdImageFile", _flattened_document(data, layout, coding)), 2 * max_pixels
    )
    raster.image = _as_displayed(_high_bytes(raster.image) if layout.depth == DEEP_BITS else raster.image, layout)
    raster.width, raster.height = layout.width, layout.height
    raster.exif, raster.orientation = layout.exif, read_exif(layout.exif).orientation
    if coding == RAW:
        paper = layout.mode == BITMAP
        lost = lost_rows(data, layout.at + 2, stop, layout.height, planes=layout.channels, paper=paper)
        raster.suspect = lost or _surplus(len(data) - stop)
    return raster


def _check_kind(layout: PsdLayout) -> None:
    if layout.depth == 32:
        raise DecodeError(RejectReason.UNSUPPORTED, "Photoshop document of 32 bits a channel")
    if layout.mode == MULTICHANNEL and layout.channels > 1:  # Pillow shows the first one alone
        raise DecodeError(RejectReason.UNSUPPORTED, "Photoshop document of separate inks")
    if layout.mode == INDEXED and len(layout.palette) != 768:
        raise DecodeError(RejectReason.DAMAGED, f"a palette of {len(layout.palette)} bytes")
    # What stands there is white, or says in words that it is no picture: in all four such documents that were found, so
    # that looking at its colours first would only let the words through. Without layers it is all that there is.
    if not layout.merged and layout.layers:
        raise DecodeError(RejectReason.UNSUPPORTED, "Photoshop document without a flattened picture")


def _raw_end(data: bytes, layout: PsdLayout, coding: int) -> int:
    """Where the pixels end."""
    if coding in ZIPPED:  # Pillow shows nothing, and says nothing
        raise DecodeError(RejectReason.UNSUPPORTED, "Photoshop document with a zipped picture")
    if coding != RAW:
        raise DecodeError(RejectReason.DAMAGED, f"compression {coding} is not one of Photoshop's")
    stop = layout.at + 2 + layout.channels * layout.height * layout.row
    if stop > len(data):
        raise DecodeError(RejectReason.TRUNCATED, f"{stop - len(data)} bytes of the picture are missing")
    return stop


def _packed_end(data: bytes, layout: PsdLayout) -> int:
    """The same; Pillow unpacks as one stream what the document counts row by row, so that it sees no row go wrong."""
    rows = layout.channels * layout.height
    table = layout.at + 2
    first = table + 2 * rows
    if first > len(data):
        raise DecodeError(RejectReason.TRUNCATED, "the data ends within the table of rows")
    lengths = np.frombuffer(data, ">u2", rows, table).astype(np.int64)
    ends = first + np.cumsum(lengths)
    if ends[-1] > len(data):
        raise DecodeError(RejectReason.TRUNCATED, f"{ends[-1] - len(data)} bytes of the picture are missing")
    bad = first_bad_row(data, ends - lengths, lengths, layout.row, 0)
    if bad >= 0:
        plane, row = divmod(bad, layout.height)
        raise DecodeError(
            RejectReason.DAMAGED, f"row {row} of channel {plane + 1} does not unpack to {layout.row} bytes"
        )
    return int(ends[-1])


def _flattened_document(data: bytes, layout: PsdLayout, coding: int) -> bytes:
    """A document of the flattened picture's own channels, and nothing else: Pillow would misread others.

    It reads no 16 bits a channel: they are shown to it as a picture of 8 bits that is twice as wide.
    """
    size = (layout.width * 2, 8) if layout.depth == DEEP_BITS else (layout.width, layout.depth)
    head = data[:12] + pack(">HIIHH", layout.shown, layout.height, *size, layout.mode)
    head += pack(">I", len(layout.palette)) + layout.palette
    table = layout.at + 2
    end = table + 2 * layout.channels * layout.height if coding == PACKED else table
    kept = data[table : table + 2 * layout.shown * layout.height] if coding == PACKED else b""
    return b"".join((head, bytes(8), data[layout.at : table], kept, memoryview(data)[end:]))


def _high_bytes(twice: Image.Image) -> Image.Image:
    """Every other byte of a row, the upper half of each number."""
    values = np.ascontiguousarray(np.asarray(twice)[:, ::2])
    return Image.frombytes(twice.mode, values.shape[1::-1], values.tobytes())


def _as_displayed(image: Image.Image, layout: PsdLayout) -> Image.Image:
    if layout.mode == BITMAP:  # a set bit is black; Pillow has it white
        return ImageChops.invert(image)
    return remove_white_matte(image) if image.mode == "RGBA" else image


def _surplus(extra: int) -> str:
    return f"{extra} bytes more than its header says" if extra > 1 else ""  # one may round the file up
