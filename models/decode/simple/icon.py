"""ICO and ICNS: every image in the directory must be present; PNGs among them are checked by their checksums."""

from models.decode.decoder_errors import truncation_as_damage
from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.png import PNG_SIGNATURE, read_chunks
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason
from models.recipe import Recipe

BITMAP_HEADER_SIZES = frozenset({40, 52, 56, 108, 124})  # of the versions of a bitmap's header
ENTRY_BYTES = 16


def decode_ico(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the largest image. Raises DecodeError, or what Pillow raises."""
    for number in range(int.from_bytes(data[4:6], "little")):
        entry = data[6 + ENTRY_BYTES * number : 6 + ENTRY_BYTES * (number + 1)]
        start = int.from_bytes(entry[12:16], "little")
        _check_icon(data, number, start, start + int.from_bytes(entry[8:12], "little"), max_pixels)
    with truncation_as_damage():
        return load_raster(open_with_plugin("IcoImagePlugin", "IcoImageFile", data), max_pixels)


def _check_icon(data: bytes, number: int, start: int, stop: int, max_pixels: int) -> None:
    if stop > len(data):
        detail = f"icon {number + 1} should end at byte {stop}, the file has {len(data)}"
        raise DecodeError(RejectReason.TRUNCATED, detail)
    part = data[start:stop]
    if part.startswith(PNG_SIGNATURE):
        read_chunks(part)
    elif int.from_bytes(part[:4], "little") in BITMAP_HEADER_SIZES:
        _check_bitmap(part, number, max_pixels)
    else:
        raise DecodeError(RejectReason.DAMAGED, f"no image at byte {start}, where icon {number + 1} should be")


def _check_bitmap(part: bytes, number: int, max_pixels: int) -> None:
    """Check the size of a bitmap and the mask after it, which is optional for 32 bits; its height counts both."""
    width, height = int.from_bytes(part[4:8], "little"), int.from_bytes(part[8:12], "little") // 2
    check_pixel_count(width, height, max_pixels)
    header, bits, colours = (int.from_bytes(part[at:stop], "little") for at, stop in ((0, 4), (14, 16), (32, 36)))
    palette = 4 * (colours or 2**bits) if bits <= 8 else 0
    rows = (width * bits + 31) // 32 * 4 * height
    mask = (width + 31) // 32 * 4 * height if bits < 32 else 0
    if bits not in (1, 4, 8, 16, 24, 32) or header + palette + rows + mask > len(part):
        raise DecodeError(RejectReason.DAMAGED, f"icon {number + 1} says {width}x{height} pixels in {len(part)} bytes")


def decode_icns(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Decode the largest image. Raises DecodeError, or what Pillow raises."""
    at, end = 8, int.from_bytes(data[4:8], "big")
    if end > len(data):
        raise DecodeError(RejectReason.TRUNCATED, f"the header says {end} bytes, the file has {len(data)}")
    while at < end:
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        if size < 8 or at + size > end:
            raise DecodeError(RejectReason.DAMAGED, f"block of {size} bytes at byte {at}")
        if data.startswith(PNG_SIGNATURE, at + 8):
            read_chunks(data[at + 8 : at + size])
        at += size
    with truncation_as_damage():
        return load_raster(open_with_plugin("IcnsImagePlugin", "IcnsImageFile", data), max_pixels)
