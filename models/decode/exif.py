"""Orientation, date and camera from EXIF, read directly: a general parser takes longer than a decode."""

import re
import struct
from datetime import datetime
from typing import NamedTuple

MAKE, MODEL, ORIENTATION, EXIF_IFD = 0x010F, 0x0110, 0x0112, 0x8769
DATE_TIME_ORIGINAL, OFFSET_TIME_ORIGINAL = 0x9003, 0x9011
WANTED_TAGS = frozenset({MAKE, MODEL, ORIENTATION, EXIF_IFD, DATE_TIME_ORIGINAL, OFFSET_TIME_ORIGINAL})
ASCII, UTF8 = 2, 129
NUMBER_FORMATS = {1: "B", 3: "H", 4: "I", 8: "h", 9: "i"}  # some editors write the orientation as a signed number
MAX_ENTRIES = 512  # a directory that claims more is damaged; real ones have fewer than 60
ZONE_PATTERN = re.compile(r"[+-]\d\d:\d\d")


class Exif(NamedTuple):
    """`orientation`: 1..8. `taken_at`: ISO 8601, with the UTC offset if there is one. `camera`: make and model."""

    orientation: int = 1
    taken_at: str | None = None
    camera: str | None = None


NO_EXIF = Exif()


def read_exif(block: bytes) -> Exif:
    """Read a TIFF-structured block (EXIF 2.32 §4.5). Never raises: damaged metadata does not damage the image."""
    if block.startswith(b"Exif\0\0"):
        block = block[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return NO_EXIF
    try:
        tags = _directory(block, order, struct.unpack_from(order + "I", block, 4)[0])
        exif_offset = tags.get(EXIF_IFD)
        if isinstance(exif_offset, int):
            tags = _directory(block, order, exif_offset) | tags
    except (struct.error, ValueError, OverflowError):
        return NO_EXIF
    return Exif(_orientation(tags), _taken_at(tags), _camera(tags))


def _directory(block: bytes, order: str, at: int) -> dict[int, int | str]:
    if at + 2 > len(block):
        return {}
    count = min(struct.unpack_from(order + "H", block, at)[0], MAX_ENTRIES, (len(block) - at - 2) // 12)
    tags: dict[int, int | str] = {}
    for i in range(count):
        entry = at + 2 + 12 * i
        tag, kind, length = struct.unpack_from(order + "HHI", block, entry)
        if tag in WANTED_TAGS and (value := _value(block, order, entry + 8, kind, length)) is not None:
            tags[tag] = value
    return tags


def _value(block: bytes, order: str, at: int, kind: int, length: int) -> int | str | None:
    if kind in (ASCII, UTF8):
        start = at if length <= 4 else struct.unpack_from(order + "I", block, at)[0]
        raw = block[start : start + min(length, 256)]
        return raw.split(b"\0", 1)[0].decode("utf-8", "replace").strip()
    code = NUMBER_FORMATS.get(kind)
    return struct.unpack_from(order + code, block, at)[0] if code and length else None


def _orientation(tags: dict[int, int | str]) -> int:
    value = tags.get(ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _taken_at(tags: dict[int, int | str]) -> str | None:
    try:
        taken_at = datetime.strptime(str(tags.get(DATE_TIME_ORIGINAL, ""))[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:  # cameras whose clock is not set write zeros or spaces
        return None
    zone = str(tags.get(OFFSET_TIME_ORIGINAL, ""))
    return taken_at.isoformat() + (zone if ZONE_PATTERN.fullmatch(zone) else "")


def _camera(tags: dict[int, int | str]) -> str | None:
    make, model = (_printable(tags.get(tag, "")) for tag in (MAKE, MODEL))
    if model.lower().startswith(make.lower()):
        make = ""
    return f"{make} {model}".strip() or None


def _printable(value: int | str) -> str:
    return "".join(c for c in str(value) if c.isprintable()).strip()
