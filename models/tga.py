"""TGA has no magic number: recognised by its footer, or by a header whose every field fits the length of the file."""

from models.holes import lost_rows
from models.plain import load_plain, open_plain
from models.raster import Raster
from models.recipe import Recipe

FOOTER = b"TRUEVISION-XFILE.\0"
RAW = {1: {8, 16}, 2: {16, 24, 32}, 3: {8, 16}}  # image type: bits a pixel
PACKED = {9: {8, 16}, 10: {16, 24, 32}, 11: {8, 16}}
APPENDED = 8192  # bytes behind the pixels that do not make a picture another thing


def is_tga(data: bytes) -> bool:
    """Strict: a false yes would call somebody's text or archive a damaged picture."""
    if len(data) < 18:
        return False
    palette, kind, bits = data[1], data[2], data[16]
    width, height = data[12] | data[13] << 8, data[14] | data[15] << 8
    if palette > 1 or not width or not height or bits not in (RAW | PACKED).get(kind, ()):
        return False
    if FOOTER in data[-APPENDED:]:
        return True
    if (palette == 0 and any(data[3:8])) or (palette == 1 and data[7] not in (15, 16, 24, 32)):
        return False
    return kind in RAW and not data[17] & 0xC0 and 0 <= len(data) - sum(_pixels(data)) <= APPENDED


def decode_tga(data: bytes, recipe: Recipe, max_pixels: int) -> Raster:
    """Raises what Pillow raises. Suspect where uncompressed pixels and the length of the file do not fit."""
    raster = load_plain(open_plain("TgaImagePlugin", "TgaImageFile", data), max_pixels)
    if data[2] in RAW:
        start, length = _pixels(data)
        upwards = not data[17] & 0x20
        raster.suspect = _length(data, start + length) or lost_rows(
            data, start, start + length, raster.height, upwards=upwards
        )
    return raster


def _pixels(data: bytes) -> tuple[int, int]:
    """Where uncompressed pixels begin, and how many bytes they take."""
    table = (data[5] | data[6] << 8) * ((data[7] + 7) // 8) if data[1] else 0
    width, height = data[12] | data[13] << 8, data[14] | data[15] << 8
    return 18 + data[0] + table, width * height * ((data[16] + 7) // 8)


def _length(data: bytes, expected: int) -> str:
    place = data.rfind(FOOTER)
    extra = len(data) - expected
    if place >= 0:
        extension, developer = (int.from_bytes(data[at : at + 4], "little") for at in (place - 8, place - 4))
        if any(offset and not expected <= offset < len(data) for offset in (extension, developer)):
            return "its footer points into the picture, or past the end"
        extra = 0 if extension or developer else place - 8 - expected
    return f"{abs(extra)} bytes {'more' if extra > 0 else 'less'} than its header says" if extra else ""
