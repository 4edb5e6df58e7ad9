"""PNG and APNG (W3C PNG, third edition): the checksum of every chunk, then full decompression."""

import struct

from models.decode.decoder_errors import truncation_as_damage
from models.decode.exif import read_exif
from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.png_pixels import quick_raster
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason
from models.native.crc32 import crc32
from models.recipe import Recipe

PNG_SIGNATURE, IEND_TAIL = b"\x89PNG\r\n\x1a\n", b"IEND\xaeB`\x82"


def decode_png(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the image. Raises DecodeError(CHECKSUM) for any chunk, also one without pixels: it was altered."""
    exif, frames, idat = read_chunks(data)
    width, height = struct.unpack_from(">II", data, 16)
    check_pixel_count(width, height, max_pixels)
    with truncation_as_damage():
        opened = open_with_plugin("PngImagePlugin", "PngImageFile", data)
        orientation = read_exif(exif).orientation
        quick = quick_raster(opened, idat, recipe, orientation) if frames == 1 else None
        raster = quick or load_raster(opened, max_pixels)
    raster.exif, raster.orientation = exif, orientation
    raster.note = f"animated, {frames} frames" if frames > 1 else ""
    return raster


def read_chunks(data: bytes) -> tuple[bytes, int, list[memoryview]]:
    """Check every chunk up to IEND; bytes after IEND are ignored. Raises DecodeError.

    Return the eXIf chunk, the number of frames, and the contents of the IDAT chunks, which are left out unless these
    are consecutive and the last.
    """
    view, at, exif, frames, last = memoryview(data), len(PNG_SIGNATURE), b"", 1, b""
    idat: list[memoryview] = []
    idat_runs = 0
    while True:
        if at + 12 > len(data):
            raise DecodeError(RejectReason.TRUNCATED, "no IEND chunk")
        length, kind = struct.unpack_from(">I4s", data, at)
        end = at + 12 + length
        if not kind.isalpha():
            raise DecodeError(RejectReason.DAMAGED, f"no chunk name at byte {at + 4}")
        if kind == b"CgBI":
            raise DecodeError(RejectReason.UNSUPPORTED, "Apple's variant of PNG (CgBI)")
        if at == len(PNG_SIGNATURE) and (kind != b"IHDR" or length != 13):
            raise DecodeError(RejectReason.DAMAGED, "the first chunk is not IHDR")
        if end > len(data):
            # The last chunk is present: bytes were lost before it, or this length is wrong.
            reason = RejectReason.DAMAGED if data.endswith(IEND_TAIL) else RejectReason.TRUNCATED
            raise DecodeError(reason, f"chunk {kind.decode()} at byte {at} runs past the end")
        if crc32(view[at + 4 : end - 4]) != int.from_bytes(view[end - 4 : end], "big"):
            raise DecodeError(RejectReason.CHECKSUM, f"chunk {kind.decode()} at byte {at}")
        if kind == b"IEND":
            return exif, frames, (idat if last == b"IDAT" and idat_runs == 1 else [])
        if kind == b"IDAT":
            idat_runs += last != kind
            idat.append(view[at + 8 : end - 4])
        elif kind == b"eXIf":
            exif = data[at + 8 : end - 4]
        elif kind == b"acTL" and length >= 4:
            frames = int.from_bytes(view[at + 8 : at + 12], "big")
        at, last = end, kind
