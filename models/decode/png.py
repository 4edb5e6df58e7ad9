"""PNG and APNG (W3C PNG, third edition): every chunk's checksum, then the full inflate."""

import struct
from typing import NamedTuple

from models.decode.decoder_errors import complete
from models.decode.pillow_plugins import load_plain, open_plain
from models.decode.png_pixels import quick_raster
from models.decode.raster import Raster, check_pixels
from models.decode.reason import Reason, Unfit
from models.metadata.exif import read_exif
from models.native.crc32 import crc32
from models.recipe import Recipe

SIGNATURE, LAST = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


class Chunks(NamedTuple):
    """`exif`: the eXIf chunk. `stream`: what the IDAT chunks hold; none if others stand between or behind them."""

    exif: bytes
    frames: int
    stream: list[memoryview]


def decode_png(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit(CHECKSUM) for any chunk, also one that carries no pixels: its bytes are not what was written."""
    chunks = walk(data)
    width, height = struct.unpack_from(">II", data, 16)
    check_pixels(width, height, max_pixels)
    with complete():
        opened = open_plain("PngImagePlugin", "PngImageFile", data)
        orientation = read_exif(chunks.exif).orientation
        quick = quick_raster(opened, chunks.stream, recipe, orientation) if chunks.frames == 1 else None
        raster = quick or load_plain(opened, max_pixels)
    raster.exif, raster.orientation = chunks.exif, orientation
    raster.note = f"animated, {chunks.frames} frames" if chunks.frames > 1 else ""
    return raster


def walk(data: bytes) -> Chunks:
    """Checks every chunk up to IEND. Bytes after IEND are let be."""
    view, at, exif, frames, last = memoryview(data), len(SIGNATURE), b"", 1, b""
    stream: list[memoryview] = []
    stretches = 0
    while True:
        if at + 12 > len(data):
            raise Unfit(Reason.TRUNCATED, "no IEND chunk")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if not kind.isalpha():
            raise Unfit(Reason.DAMAGED, f"no chunk name at byte {at + 4}")
        if kind == b"CgBI":
            raise Unfit(Reason.UNSUPPORTED, "Apple's own kind of PNG (CgBI)")
        if at == len(SIGNATURE) and (kind != b"IHDR" or length != 13):
            raise Unfit(Reason.DAMAGED, "the first chunk is not IHDR")
        if end > len(data):
            # The last chunk is there: then bytes were lost before it, or this length is wrong.
            reason = Reason.DAMAGED if data.endswith(LAST) else Reason.TRUNCATED
            raise Unfit(reason, f"chunk {kind.decode()} at byte {at} runs past the end")
        if crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise Unfit(Reason.CHECKSUM, f"chunk {kind.decode()} at byte {at}")
        if kind == b"IEND":
            return Chunks(exif, frames, stream if last == b"IDAT" and stretches == 1 else [])
        if kind == b"IDAT":
            stretches += last != kind
            stream.append(view[at + 8 : end - 4])
        elif kind == b"eXIf":
            exif = data[at + 8 : end - 4]
        elif kind == b"acTL" and length >= 4:
            frames = int.from_bytes(view[at + 8 : at + 12], "big")
        at, last = end, kind
