"""The header of a TGA, which has no signature: recognized by its footer, or by the length that its header implies."""

from collections.abc import Iterator

FOOTER = b"TRUEVISION-XFILE.\0"
HEADER_BYTES = 18
RAW_DEPTHS = {1: {8, 16}, 2: {16, 24, 32}, 3: {8, 16}}  # bits per pixel, by image type
PACKED_DEPTHS = {9: {8, 16}, 10: {16, 24, 32}, 11: {8, 16}}
PALETTE_DEPTHS = frozenset({15, 16, 24, 32})  # bits per palette entry
MAX_TRAILER_BYTES = 8192  # bytes that may follow the pixels of a file without a footer


def is_tga(data: bytes) -> bool:
    """Recognize TGA strictly: a false positive would report text or an archive as a damaged image."""
    if len(data) < HEADER_BYTES:
        return False
    palette, kind, depth = data[1], data[2], data[7]
    if palette > 1 or not all(image_size(data)) or data[16] not in (RAW_DEPTHS | PACKED_DEPTHS).get(kind, ()):
        return False
    if FOOTER in data[-MAX_TRAILER_BYTES:]:
        return True
    if data[17] & 0xC0 or not (
        depth in PALETTE_DEPTHS if palette else not any(data[3:7]) and depth in PALETTE_DEPTHS | {0}
    ):
        return False
    return 0 <= len(data) - pixels_end(data) <= MAX_TRAILER_BYTES


def image_size(data: bytes) -> tuple[int, int]:
    """Return width and height in pixels."""
    return data[12] | data[13] << 8, data[14] | data[15] << 8


def pixels_start(data: bytes) -> int:
    """Return the offset of the first pixel, after the image ID and the palette."""
    palette_bytes = (data[5] | data[6] << 8) * ((data[7] + 7) // 8) if data[1] else 0
    return HEADER_BYTES + data[0] + palette_bytes


def pixels_end(data: bytes) -> int:
    """Return the offset behind the last pixel; an offset past the end of the data if pixels are missing."""
    width, height = image_size(data)
    pixel_bytes = (data[16] + 7) // 8
    if data[2] in RAW_DEPTHS:
        return pixels_start(data) + width * height * pixel_bytes
    end, remaining = pixels_start(data), width * height
    for stop, pixels in packets(data):
        end, remaining = stop, remaining - pixels
    return end if remaining <= 0 else len(data) + 1


def packets(data: bytes) -> Iterator[tuple[int, int]]:
    """Yield (end offset, pixels) of each run-length packet, until the image is complete."""
    width, height = image_size(data)
    at, remaining, pixel_bytes = pixels_start(data), width * height, (data[16] + 7) // 8
    while remaining > 0 and at < len(data):
        pixels = (data[at] & 0x7F) + 1
        at += 1 + (pixel_bytes if data[at] & 0x80 else pixel_bytes * pixels)
        remaining -= pixels
        yield at, pixels
