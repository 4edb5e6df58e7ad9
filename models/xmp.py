"""Reader of the XMP packet in an image file (ISO 16684-1 and -3). It reads headers, never pixels.

Only the main packet is read: the extended segments of a JPEG contain bulk data, never a rating.
"""

import zlib
from collections.abc import Callable
from typing import Literal

from models.decode.detectors import TIFF_SIGNATURES, is_webp
from models.decode.heif.boxes import is_avif, is_heif
from models.decode.heif.items import read_items
from models.decode.reason import DecodeError

ReadAt = Callable[[int, int], bytes]  # (start, length) to bytes, fewer at the end of the file
ByteOrder = Literal["little", "big"]

JPEG_XMP_HEADER, PNG_XMP_KEYWORD, TIFF_XMP_TAG = b"http://ns.adobe.com/xap/1.0/\0", b"XML:com.adobe.xmp\0", 700
MAX_PACKET_BYTES = 1 << 24
MAX_SEGMENTS = 100_000  # segments or chunks to skip
MAX_HEIF_BYTES = 1 << 26  # a HEIF file is read as a whole, because its items may be anywhere
PACKET_ELEMENTS = (b"<x:xmpmeta", b"<rdf:RDF", b"<x:xapmeta")


def read_xmp_packet(read: ReadAt, size: int) -> bytes | None:
    """Return the packet of a JPEG, PNG, WebP, TIFF, HEIF or AVIF of `size` bytes; None if there is none.

    Raises what `read` raises, and nothing for any content.
    """
    head = read(0, 64)
    if head.startswith(b"\xff\xd8"):
        return _jpeg_packet(read)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png_packet(read)
    if is_webp(head):
        return _webp_packet(read)
    if head.startswith(TIFF_SIGNATURES):
        return _tiff_packet(read, head)
    if is_heif(head) or is_avif(head):
        return _heif_packet(read, size)
    return None


def _jpeg_packet(read: ReadAt) -> bytes | None:
    at = 2
    for _ in range(MAX_SEGMENTS):
        head = read(at, 4 + len(JPEG_XMP_HEADER))
        if len(head) < 4 or head[0] != 0xFF or head[1] in (0xD9, 0xDA):
            return None
        if head[1] == 0xFF or head[1] == 0x01 or 0xD0 <= head[1] <= 0xD7:
            at += 1 if head[1] == 0xFF else 2
            continue
        length = int.from_bytes(head[2:4], "big")
        if head[1] == 0xE1 and head[4:] == JPEG_XMP_HEADER:
            return read(at + 4 + len(JPEG_XMP_HEADER), max(0, length - 2 - len(JPEG_XMP_HEADER)))
        at += 2 + max(2, length)
    return None


def _png_packet(read: ReadAt) -> bytes | None:
    at = 8
    for _ in range(MAX_SEGMENTS):
        head = read(at, 8 + len(PNG_XMP_KEYWORD))
        if len(head) < 8 or head[4:8] == b"IEND":
            return None
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"iTXt" + PNG_XMP_KEYWORD and length <= MAX_PACKET_BYTES:
            return _itxt_text(read(at + 8 + len(PNG_XMP_KEYWORD), length - len(PNG_XMP_KEYWORD)))
        at += 12 + length
    return None


def _itxt_text(chunk: bytes) -> bytes | None:
    """Return the text of an iTXt chunk without its keyword: two flags, a language, a translated keyword, the text."""
    parts = chunk[2:].split(b"\0", 2)
    if len(parts) < 3:
        return None
    if not chunk[0]:
        return parts[2]
    try:
        return zlib.decompressobj().decompress(parts[2], MAX_PACKET_BYTES)
    except zlib.error:
        return None


def _webp_packet(read: ReadAt) -> bytes | None:
    at = 12
    for _ in range(MAX_SEGMENTS):
        head = read(at, 8)
        if len(head) < 8:
            return None
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"XMP ":
            return read(at + 8, min(length, MAX_PACKET_BYTES))
        at += 8 + length + length % 2
    return None


def _tiff_packet(read: ReadAt, head: bytes) -> bytes | None:
    order: ByteOrder = "little" if head[:1] == b"I" else "big"
    big = b"+" in head[2:4]
    count_bytes, entry_bytes, offset_bytes = (8, 20, 8) if big else (2, 12, 4)
    at = int.from_bytes(head[8:16] if big else head[4:8], order)
    count = min(int.from_bytes(read(at, count_bytes), order), 4096)
    directory = read(at + count_bytes, count * entry_bytes)
    for start in range(0, len(directory) - entry_bytes + 1, entry_bytes):
        entry = directory[start : start + entry_bytes]
        if int.from_bytes(entry[:2], order) == TIFF_XMP_TAG:
            length = int.from_bytes(entry[4 : 4 + offset_bytes], order)
            offset = int.from_bytes(entry[4 + offset_bytes :], order)
            return read(offset, min(length, MAX_PACKET_BYTES))
    return None


def _heif_packet(read: ReadAt, size: int) -> bytes | None:
    if size > MAX_HEIF_BYTES:
        return None
    data = read(0, size)
    try:
        packets = [item.data(data) for item in read_items(data).values() if item.kind == b"mime"]
    except DecodeError:
        return None
    return next((packet for packet in packets if any(element in packet for element in PACKET_ELEMENTS)), None)
