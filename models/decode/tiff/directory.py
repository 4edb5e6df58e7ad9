"""The directories of a TIFF (TIFF 6.0, section 2; BigTIFF), read and checked against the bytes of the file.

Many writers violate the standard a little, and their images are intact. A fault found here therefore makes a file
suspect; only the decoder rejects it.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Literal, NamedTuple
from xml.parsers.expat import ExpatError, ParserCreate

ByteOrder = Literal["little", "big"]
# Bytes per value, by type (TIFF 6.0; 13 IFD; 16 to 18 BigTIFF).
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
ASCII, SHORT, UNSIGNED_TYPES = 2, 3, frozenset({3, 4, 16})
TYPES_BY_TAG = dict.fromkeys((256, 257, 273, 278, 279, 322, 323, 324, 325), UNSIGNED_TYPES)
TYPES_BY_TAG |= dict.fromkeys((258, 259, 262, 266, 274, 277, 284, 296, 338), frozenset({3, 4}))
TYPES_BY_TAG |= dict.fromkeys((282, 283), frozenset({5}))
TYPES_BY_TAG |= dict.fromkeys((305, 306), frozenset({2}))
# All tags registered by TIFF 6.0 and its supplements below Adobe's XMP; there are no private ones in this range.
KNOWN_TAGS = frozenset(
    tag
    for first, last in (
        *((254, 259), (262, 266), (269, 274), (277, 293), (296, 297), (300, 301), (305, 306), (315, 347), (351, 351)),
        *((400, 405), (433, 435), (512, 521), (529, 532), (559, 559)),
    )
    for tag in range(first, last + 1)
)
SINGLE_VALUE_TAGS = frozenset((256, 257, 259, 262, 266, 274, 277, 278, 282, 283, 284, 296))
CHOICES_BY_TAG = {266: (1, 2), 284: (1, 2), 296: (1, 2, 3)}  # fill order, planar configuration, unit of resolution
WRITER_TAGS = (305, 306)  # the writer's name and the date: no writer fills them with NUL only
HEIGHT, SAMPLES, ROWS_PER_STRIP, PLANAR = 257, 277, 278, 284
COMPRESSION, STRIPS, STRIP_SIZES, XMP, COPYRIGHT = 259, 273, 279, 700, 33432
TILE_WIDTH, TILES, TILE_SIZES = 322, 324, 325
NESTED_DIRECTORY_TAGS = (330, 34665, 34853)  # SubIFDs, Exif, GPS
MAX_DIRECTORIES = 1000  # a longer chain is a loop

ByteSpan = tuple[int, int]


def check_directories(data: bytes) -> tuple[list[str], list[ByteSpan]]:
    """Check every directory of the file. Never raises for any content.

    Return the faults, in the order found, and (start, stop) of the uncompressed strips of the first page.
    """
    first = first_directory(data)
    faults: list[str] = []
    seen: set[int] = set()
    queue = [first.at]
    while queue and len(seen) < MAX_DIRECTORIES:
        at = queue.pop(0)
        if at in seen:
            continue
        page = TiffDirectory(data, at, first.order, first.big)
        faults += page.faults()
        seen.add(at)
        queue += page.next_directories()
    return faults, first.raw_strips()


class _Entry(NamedTuple):
    tag: int
    kind: int
    values: int
    at: int  # offset of the values

    @property
    def stop(self) -> int:
        return self.at + self.values * TYPE_SIZES.get(self.kind, 0)


class TiffDirectory:
    """The directory at offset `at`; `big`: the file is a BigTIFF."""

    def __init__(self, data: bytes, at: int, order: ByteOrder, big: bool) -> None:
        self._data, self.at, self.order, self.big = data, at, order, big
        self._count_bytes, self._entry_bytes, self._offset_bytes = (8, 20, 8) if big else (2, 12, 4)
        count = self._number(at, self._count_bytes) if at + self._count_bytes <= len(data) else 0
        self._end = at + self._count_bytes + count * self._entry_bytes
        fits = self._end + self._offset_bytes <= len(data)
        self.entries = {entry.tag: entry for entry in self._entries()} if fits else {}
        self._valid = count > 0 and fits

    def _number(self, at: int, size: int) -> int:
        return int.from_bytes(self._data[at : at + size], self.order)

    def _entries(self) -> Iterator[_Entry]:
        for at in range(self.at + self._count_bytes, self._end, self._entry_bytes):
            tag, kind = self._number(at, 2), self._number(at + 2, 2)
            count, value = self._number(at + 4, self._offset_bytes), at + 4 + self._offset_bytes
            inside = count * TYPE_SIZES.get(kind, 0) <= self._offset_bytes
            yield _Entry(tag, kind, count, value if inside else self._number(value, self._offset_bytes))

    def faults(self) -> Iterator[str]:
        """Yield every violation of the standard, and every value or strip out of bounds."""
        if not self._valid:
            yield f"no directory at byte {self.at}"
            return
        tags = [self._number(at, 2) for at in range(self.at + self._count_bytes, self._end, self._entry_bytes)]
        if any(one >= other for one, other in pairwise(tags)):
            yield f"the directory at byte {self.at} is not in order"
        for entry in self.entries.values():
            yield from self._entry_faults(entry)
        if self._strips_missing():
            yield "the strips do not add up to the height"
        for offsets, sizes, name in ((STRIPS, STRIP_SIZES, "strip"), (TILES, TILE_SIZES, "tile")):
            if offsets in self.entries and sizes not in self.entries:
                yield f"the sizes of the {name}s are missing"
            beyond = [number for number, (_, stop) in enumerate(self._spans(offsets, sizes)) if stop > len(self._data)]
            if beyond:
                yield f"{name} {beyond[0]} runs past the end"

    def _entry_faults(self, entry: _Entry) -> Iterator[str]:
        if entry.kind not in TYPE_SIZES or entry.kind not in TYPES_BY_TAG.get(entry.tag, TYPE_SIZES):
            yield f"tag {entry.tag} has type {entry.kind}"
        elif 254 <= entry.tag < XMP and entry.tag not in KNOWN_TAGS:
            yield f"unknown tag {entry.tag}"
        elif entry.tag in SINGLE_VALUE_TAGS and entry.values != 1:
            yield f"tag {entry.tag} has {entry.values} values"
        elif entry.tag in CHOICES_BY_TAG and self.numbers(entry.tag)[0] not in CHOICES_BY_TAG[entry.tag]:
            yield f"tag {entry.tag} is {self.numbers(entry.tag)[0]}"
        elif entry.stop > len(self._data):
            yield f"the value of tag {entry.tag} runs past the end"
        elif entry.kind == ASCII and entry.tag != COPYRIGHT and not _is_text(self.bytes(entry.tag)):
            yield f"tag {entry.tag} is not text"
        elif entry.tag in WRITER_TAGS and entry.kind == ASCII and entry.values > 1 and not any(self.bytes(entry.tag)):
            yield f"tag {entry.tag} contains only zeros"
        elif entry.tag == XMP and not _is_xml(self.bytes(entry.tag)):
            yield "the XMP metadata is broken"

    def bytes(self, tag: int) -> bytes:
        """Return the value of a tag; empty if it is absent."""
        entry = self.entries.get(tag)
        return self._data[entry.at : entry.stop] if entry else b""

    def numbers(self, tag: int) -> list[int]:
        """Return the integers of a tag; none if it is absent or runs past the end."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in (*UNSIGNED_TYPES, 13, 18) or entry.stop > len(self._data):
            return []
        size = TYPE_SIZES[entry.kind]
        return [self._number(at, size) for at in range(entry.at, entry.stop, size)]

    def first_number(self, tag: int) -> int:
        """Return the first integer of a tag, or 0."""
        return next(iter(self.numbers(tag)), 0)

    def _spans(self, offsets: int, sizes: int) -> list[ByteSpan]:
        return [
            (at, at + size) for at, size in zip(self.numbers(offsets), self.numbers(sizes), strict=False) if at and size
        ]

    def _strips_missing(self) -> bool:
        """Whether there are fewer or more strips than rows and planes need."""
        if TILE_WIDTH in self.entries:  # old writers put their tiles into the tags of strips
            return False
        rows, height, strips = (self.numbers(tag) for tag in (ROWS_PER_STRIP, HEIGHT, STRIPS))
        if not (rows and rows[0] and height and strips):
            return False
        planes = (self.numbers(SAMPLES) or [1])[0] if self.numbers(PLANAR) == [2] else 1
        return len(strips) != -(-height[0] // rows[0]) * planes

    def strips_or_tiles(self) -> list[ByteSpan]:
        """Return (start, stop) of each strip or tile, in the order of the image."""
        return self._spans(STRIPS, STRIP_SIZES) or self._spans(TILES, TILE_SIZES)

    def raw_strips(self) -> list[ByteSpan]:
        """Return (start, stop) of uncompressed strips. Tiles are left out: those at the edges are padded with zeros."""
        uncompressed = self.numbers(COMPRESSION) in ([], [1]) and TILE_WIDTH not in self.entries
        return self._spans(STRIPS, STRIP_SIZES) if uncompressed else []

    def next_directories(self) -> list[int]:
        """Return the offsets of further directories: nested ones and the next page's."""
        if not self._valid:
            return []
        nested = [at for tag in NESTED_DIRECTORY_TAGS for at in self.numbers(tag)]
        return [at for at in (*nested, self._number(self._end, self._offset_bytes)) if at]


def first_directory(data: bytes) -> TiffDirectory:
    """Return the directory of the first page; without entries if there is none."""
    order: ByteOrder = "little" if data[:1] == b"I" else "big"
    big = data[2:3] == b"+" or data[3:4] == b"+"
    return TiffDirectory(data, int.from_bytes(data[8:16] if big else data[4:8], order), order, big)


def _is_text(value: bytes) -> bool:
    """Whether a value ends in NUL and has no other NUL within: an overwritten or shifted text fails this."""
    return not value or (value[-1] == 0 and b"\0" not in value.rstrip(b"\0"))


def _is_xml(value: bytes) -> bool:
    parser = ParserCreate()
    try:
        parser.Parse(value.rstrip(b"\0 \r\n\t"), True)
    except ExpatError:
        return False
    return True
