"""TGA has no magic number: recognised by its footer, or by a header whose every field fits the length of the file."""

from collections.abc import Iterator

from PIL import Image, ImageChops

from models.decode.pillow_plugins import load_raster, open_with_plugin
from models.decode.raster import Raster, check_pixel_count
from models.decode.reason import DecodeError, RejectReason
from models.decode.zero_runs import lost_rows
from models.recipe import Recipe

FOOTER = b"TRUEVISION-XFILE.\0"
RAW_DEPTHS = {1: {8, 16}, 2: {16, 24, 32}, 3: {8, 16}}  # image type: bits a pixel
PACKED_DEPTHS = {9: {8, 16}, 10: {16, 24, 32}, 11: {8, 16}}
PALETTE_DEPTHS = frozenset({15, 16, 24, 32})  # bits of a palette's colour
MAX_TRAILER_BYTES = 8192  # bytes behind the pixels that do not make a picture another thing


def is_tga(data: bytes) -> bool:
    """Strict: a false yes would call somebody's text or archive a damaged picture."""
    if len(data) < 18:
        return False
    palette, kind, depth = data[1], data[2], data[7]
    if palette > 1 or not all(_size(data)) or data[16] not in (RAW_DEPTHS | PACKED_DEPTHS).get(kind, ()):
        return False
    if FOOTER in data[-MAX_TRAILER_BYTES:]:
        return True
    if data[17] & 0xC0 or not (
        depth in PALETTE_DEPTHS if palette else not any(data[3:7]) and depth in PALETTE_DEPTHS | {0}
    ):
        return False
    return 0 <= len(data) - _pixels_end(data) <= MAX_TRAILER_BYTES


def decode_tga(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises Unfit, or what Pillow raises. Suspect where pixels and the length of the file do not fit."""
    check_pixel_count(*_size(data), max_pixels)
    raw = data if data[2] in RAW_DEPTHS else _unpacked(data)
    raster = load_raster(open_with_plugin("TgaImagePlugin", "TgaImageFile", raw), max_pixels)
    if data[16] == 16 and raster.image.mode == "RGBA":
        raster.image = _apply_attribute_bit(raster.image, data[17])
    if raster.image.mode == "RGBA" and raster.image.getchannel("A").getextrema() == (0, 0):
        raster.image = raster.image.convert("RGB")  # many writers left the fourth byte empty: not a blank picture
    end = _pixels_end(data)
    raster.suspect = _length_mismatch(data, end)
    if data[2] in RAW_DEPTHS and not raster.suspect:
        raster.suspect = lost_rows(data, _pixels_start(data), end, raster.height, upwards=not data[17] & 0x20)
    return raster


def _apply_attribute_bit(image: Image.Image, descriptor: int) -> Image.Image:
    """The sixteenth bit: none of the picture's, or set where it is opaque; Pillow takes it for the contrary."""
    if not descriptor & 0x0F:
        return image.convert("RGB")
    image.putalpha(ImageChops.invert(image.getchannel("A")))
    return image


def _size(data: bytes) -> tuple[int, int]:
    return data[12] | data[13] << 8, data[14] | data[15] << 8


def _pixels_start(data: bytes) -> int:
    table = (data[5] | data[6] << 8) * ((data[7] + 7) // 8) if data[1] else 0
    return 18 + data[0] + table


def _pixels_end(data: bytes) -> int:
    """Where the pixels end; past the end of the data where some are missing."""
    width, height = _size(data)
    each = (data[16] + 7) // 8
    if data[2] in RAW_DEPTHS:
        return _pixels_start(data) + width * height * each
    end, left = _pixels_start(data), width * height
    for stop, pixels in _packets(data):
        end, left = stop, left - pixels
    return end if left <= 0 else len(data) + 1


def _packets(data: bytes) -> Iterator[tuple[int, int]]:
    """(end, pixels) of each run-length packet, until there are as many pixels as there should be."""
    width, height = _size(data)
    at, left, each = _pixels_start(data), width * height, (data[16] + 7) // 8
    while left > 0 and at < len(data):
        pixels = (data[at] & 0x7F) + 1
        at += 1 + (each if data[at] & 0x80 else each * pixels)
        left -= pixels
        yield at, pixels


def _unpacked(data: bytes) -> bytes:
    """The same picture uncompressed: packets may run from row to row, as version 1 allowed, and Pillow refuses."""
    width, height = _size(data)
    at, parts, left = (
        _pixels_start(data),
        [data[:2], bytes([data[2] & 7]), data[3 : _pixels_start(data)]],
        width * height,
    )
    for stop, pixels in _packets(data):
        part = data[at + 1 : stop]
        parts.append(part * pixels if data[at] & 0x80 else part)
        at, left = stop, left - pixels
    if left > 0 or at > len(data):
        raise DecodeError(RejectReason.TRUNCATED, f"the data ends {max(left, 1)} pixels before the picture does")
    if left < 0:
        raise DecodeError(RejectReason.DAMAGED, "a run of pixels goes on past the picture")
    return b"".join(parts)


def _length_mismatch(data: bytes, expected: int) -> str:
    place = data.rfind(FOOTER)
    extra = len(data) - expected
    if place >= 0:
        extension, developer = (int.from_bytes(data[at : at + 4], "little") for at in (place - 8, place - 4))
        if any(offset and not expected <= offset < len(data) for offset in (extension, developer)):
            return "its footer points into the picture, or past the end"
        extra = 0 if extension or developer else place - 8 - expected
    return f"{abs(extra)} bytes {'more' if extra > 0 else 'less'} than its header says" if extra else ""
