"""The four EXIF fields that matter here, read straight from the bytes: a general parser costs more than a decode."""

import re
import struct
from datetime import datetime
from typing import NamedTuple

MAKE, MODEL, ORIENTATION, EXIF_IFD = 0x010F, 0x0110, 0x0112, 0x8769
DATE_TIME_ORIGINAL, OFFSET_TIME_ORIGINAL = 0x9003, 0x9011
WANTED_TAGS = frozenset({MAKE, MODEL, ORIENTATION, EXIF_IFD, DATE_TIME_ORIGINAL, OFFSET_TIME_ORIGINAL})
ASCII, UTF8 = 2, 129
NUMBER_FORMATS = {1: "B", 3: "H", 4: "I", 8: "h", 9: "i"}  # some editors write the orientation with a sign
MAX_ENTRIES = 512  # a directory that claims more is damaged; real ones hold fewer than 60
ZONE_PATTERN = re.compile(r"[+-]\d\d:\d\d")


class Exif(NamedTuple):
    """`orientation` 1..8; `taken_at` ISO 8601, with an offset where the camera wrote one; `camera` make and model."""

    orientation: int = 1
    taken_at: str | None = None
    camera: str | None = None


NO_EXIF = Exif()


def read_exif(block: bytes) -> Exif:
    """What a TIFF-structured block (EXIF 2.32 §4.5) says. Damaged metadata is no fault of the picture: never raises."""
    if block.startswith(b"Exif\0\0"):
        block = block[6:]
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None:
        return NO_EXIF
    try:
        tags = _directory(block, order, struct.unpack_from(order + "I", block, 4)[0])
        inner = tags.get(EXIF_IFD)
        if isinstance(inner, int):
            tags = _directory(block, order, inner) | tags
    except (struct.error, ValueError, OverflowError):
        return NO_EXIF
    return Exif(_orientation(tags), _taken_at(tags), _camera(tags))


def _directory(block: bytes, order: str, at: int) -> dict[int, int | str]:
    if at + 2 > len(block):
        return {}
    count = min(struct.unpack_from(order + "H", block, at)[0], MAX_ENTRIES, (len(block) - at - 2) // 12)
    tags: dict[int, int | str] = {}
    for i in range(count):
        place = at + 2 + 12 * i
        tag, kind, length = struct.unpack_from(order + "HHI", block, place)
        if tag in WANTED_TAGS and (value := _value(block, order, place + 8, kind, length)) is not None:
            tags[tag] = value
    return tags


def _value(block: bytes, order: str, place: int, kind: int, length: int) -> int | str | None:
    if kind in (ASCII, UTF8):
        start = place if length <= 4 else struct.unpack_from(order + "I", block, place)[0]
        raw = block[start : start + min(length, 256)]
        return raw.split(b"\0", 1)[0].decode("utf-8", "replace").strip()
    code = NUMBER_FORMATS.get(kind)
    return struct.unpack_from(order + code, block, place)[0] if code and length else None


def _orientation(tags: dict[int, int | str]) -> int:
    value = tags.get(ORIENTATION)
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def _taken_at(tags: dict[int, int | str]) -> str | None:
    try:
        moment = datetime.strptime(str(tags.get(DATE_TIME_ORIGINAL, ""))[:19], "%Y:%m:%d %H:%M:%S")
    except ValueError:  # cameras without a set clock write zeros or spaces
        return None
    zone = str(tags.get(OFFSET_TIME_ORIGINAL, ""))
    return moment.isoformat() + (zone if ZONE_PATTERN.fullmatch(zone) else "")


def _camera(tags: dict[int, int | str]) -> str | None:
    make, model = (_printable(tags.get(tag, "")) for tag in (MAKE, MODEL))
    if model.lower().startswith(make.lower()):
        make = ""
    return f"{make} {model}".strip() or None


def _printable(value: int | str) -> str:
    return "".join(c for c in str(value) if c.isprintable()).strip()
