"""Embedded XMP (ISO 16684-1 and -3): where a file keeps its packet. Headers are read, never the picture.

Only the main packet is looked at: what JPEG moves into extended segments is bulk, never a rating.
"""

import zlib
from collections.abc import Callable
from typing import Literal

from models.decode.heif.boxes import is_avif, is_heif
from models.decode.heif.items import items
from models.decode.reason import Unfit

Read = Callable[[int, int], bytes]  # (start, length): bytes from there, fewer at the end of the file
Order = Literal["little", "big"]

JPEG, PNG_NAME, TIFF_TAG = b"http://ns.adobe.com/xap/1.0/\0", b"XML:com.adobe.xmp\0", 700
MOST = 1 << 24  # bytes of a packet
MOST_PARTS = 100_000  # segments or chunks that are stepped over
MOST_BOXES = 1 << 26  # bytes of a HEIF file, whose items may lie anywhere: it is read as a whole
MARKS = (b"<x:xmpmeta", b"<rdf:RDF", b"<x:xapmeta")


def packet(read: Read, size: int) -> bytes | None:
    """The packet of a JPEG, PNG, WebP, TIFF, HEIF or AVIF of `size` bytes; None where there is none, or no way to it.

    Raises what `read` raises, and nothing for what the bytes say.
    """
    head = read(0, 64)
    if head.startswith(b"\xff\xd8"):
        return _jpeg(read)
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return _png(read)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return _webp(read)
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return _tiff(read, head)
    if is_heif(head) or is_avif(head):
        return _boxes(read, size)
    return None


def _jpeg(read: Read) -> bytes | None:
    at = 2
    for _ in range(MOST_PARTS):
        head = read(at, 4 + len(JPEG))
        if len(head) < 4 or head[0] != 0xFF or head[1] in (0xD9, 0xDA):
            return None
        if head[1] == 0xFF or head[1] == 0x01 or 0xD0 <= head[1] <= 0xD7:
            at += 1 if head[1] == 0xFF else 2
            continue
        length = int.from_bytes(head[2:4], "big")
        if head[1] == 0xE1 and head[4:] == JPEG:
            return read(at + 4 + len(JPEG), max(0, length - 2 - len(JPEG)))
        at += 2 + max(2, length)
    return None


def _png(read: Read) -> bytes | None:
    at = 8
    for _ in range(MOST_PARTS):
        head = read(at, 8 + len(PNG_NAME))
        if len(head) < 8 or head[4:8] == b"IEND":
            return None
        length = int.from_bytes(head[:4], "big")
        if head[4:] == b"iTXt" + PNG_NAME and length <= MOST:
            return _text(read(at + 8 + len(PNG_NAME), length - len(PNG_NAME)))
        at += 12 + length
    return None


def _text(chunk: bytes) -> bytes | None:
    """Of an iTXt chunk, what follows its keyword: two flags, a language, a translated keyword, the text."""
    parts = chunk[2:].split(b"\0", 2)
    if len(parts) < 3:
        return None
    if not chunk[0]:
        return parts[2]
    try:
        return zlib.decompressobj().decompress(parts[2], MOST)
    except zlib.error:
        return None


def _webp(read: Read) -> bytes | None:
    at = 12
    for _ in range(MOST_PARTS):
        head = read(at, 8)
        if len(head) < 8:
            return None
        length = int.from_bytes(head[4:], "little")
        if head[:4] == b"XMP ":
            return read(at + 8, min(length, MOST))
        at += 8 + length + length % 2
    return None


def _tiff(read: Read, head: bytes) -> bytes | None:
    order: Order = "little" if head[:1] == b"I" else "big"
    big = b"+" in head[2:4]
    count_size, row, word = (8, 20, 8) if big else (2, 12, 4)
    at = int.from_bytes(head[8:16] if big else head[4:8], order)
    count = min(int.from_bytes(read(at, count_size), order), 4096)
    rows = read(at + count_size, count * row)
    for start in range(0, len(rows) - row + 1, row):
        if int.from_bytes(rows[start : start + 2], order) == TIFF_TAG:
            length = int.from_bytes(rows[start + 4 : start + 4 + word], order)
            place = int.from_bytes(rows[start + 4 + word : start + row], order)
            return read(place, min(length, MOST))
    return None


def _boxes(read: Read, size: int) -> bytes | None:
    if size > MOST_BOXES:
        return None
    data = read(0, size)
    try:
        found = [item.data(data) for item in items(data).values() if item.kind == b"mime"]
    except Unfit:
        return None
    return next((one for one in found if any(mark in one for mark in MARKS)), None)
