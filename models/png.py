"""PNG and APNG (W3C PNG, third edition): every chunk's checksum, then the full inflate."""

import struct
import zlib

from models.exif import read_exif
from models.fault import complete
from models.plain import load_plain, open_plain
from models.raster import Raster, check_pixels
from models.reason import Reason, Unfit
from models.recipe import Recipe

SIGNATURE, LAST = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def decode_png(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit(CHECKSUM) for any chunk, also one that carries no pixels: its bytes are not what was written."""
    exif, frames = walk(data)
    width, height = struct.unpack_from(">II", data, 16)
    check_pixels(width, height, max_pixels)
    with complete():
        raster = load_plain(open_plain("PngImagePlugin", "PngImageFile", data), max_pixels)
    raster.exif, raster.orientation = exif, read_exif(exif).orientation
    raster.note = f"animated, {frames} frames" if frames > 1 else ""
    return raster


def walk(data: bytes) -> tuple[bytes, int]:
    """(the eXIf chunk, number of frames) after checking every chunk up to IEND. Bytes after IEND are let be."""
    view, at, exif, frames = memoryview(data), len(SIGNATURE), b"", 1
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
        if zlib.crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise Unfit(Reason.CHECKSUM, f"chunk {kind.decode()} at byte {at}")
        if kind == b"IEND":
            return exif, frames
        if kind == b"eXIf":
            exif = data[at + 8 : end - 4]
        elif kind == b"acTL" and length >= 4:
            frames = int.from_bytes(view[at + 8 : at + 12], "big")
        at = end
