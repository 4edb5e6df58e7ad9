"""TGA has no magic number: recognised by its footer, or by a header whose every field fits the length of the file."""

FOOTER = b"TRUEVISION-XFILE.\0"
RAW = {1: {8, 16}, 2: {16, 24, 32}, 3: {8, 16}}  # image type: bits a pixel
PACKED = {9: {8, 16}, 10: {16, 24, 32}, 11: {8, 16}}


def is_tga(data: bytes) -> bool:
    """Strict: a false yes would call somebody's text or archive a damaged picture."""
    if len(data) < 18:
        return False
    named, palette, kind, bits = data[0], data[1], data[2], data[16]
    width, height = data[12] | data[13] << 8, data[14] | data[15] << 8
    if palette > 1 or not width or not height or bits not in (RAW | PACKED).get(kind, ()):
        return False
    if data.endswith(FOOTER):
        return True
    table = (data[5] | data[6] << 8) * ((data[7] + 7) // 8) if palette else 0
    if (palette == 0 and any(data[3:8])) or (palette == 1 and data[7] not in (15, 16, 24, 32)):
        return False
    return kind in RAW and len(data) == 18 + named + table + width * height * ((bits + 7) // 8)
