"""The directories of a TIFF (TIFF 6.0, section 2; BigTIFF): what they promise, held against the bytes that are there.

A writer that is a little off is common and its picture sound, so that what is found here makes a file suspect; whether
the picture can be decoded says the decoder.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, NamedTuple
from xml.parsers.expat import ExpatError, ParserCreate

ByteOrder = Literal["little", "big"]
# Bytes a value of each type (TIFF 6.0; 13 IFD; 16 to 18 BigTIFF).
TYPE_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
ASCII, SHORT, UNSIGNED_TYPES = 2, 3, frozenset({3, 4, 16})
TYPES_BY_TAG = dict.fromkeys((256, 257, 273, 278, 279, 322, 323, 324, 325), UNSIGNED_TYPES)
TYPES_BY_TAG |= dict.fromkeys((258, 259, 262, 266, 274, 277, 284, 296, 338), frozenset({3, 4}))
TYPES_BY_TAG |= dict.fromkeys((282, 283), frozenset({5}))
TYPES_BY_TAG |= dict.fromkeys((305, 306), frozenset({2}))
# All that TIFF 6.0 and its supplements registered below Adobe's XMP; nobody made private ones there.
KNOWN_TAGS = frozenset(
    tag
    for first, last in (
        *((254, 259), (262, 266), (269, 274), (277, 293), (296, 297), (300, 301), (305, 306), (315, 347), (351, 351)),
        *((400, 405), (433, 435), (512, 521), (529, 532), (559, 559)),
    )
    for tag in range(first, last + 1)
)
SINGLE_VALUE_TAGS = frozenset((256, 257, 259, 262, 266, 274, 277, 278, 282, 283, 284, 296))  # tags of one value
CHOICES_BY_TAG = {266: (1, 2), 284: (1, 2), 296: (1, 2, 3)}  # fill order, planar configuration, unit of resolution
WRITER_TAGS = (305, 306)  # the writer's name and the date: nobody writes them as nothing but NUL
HEIGHT, SAMPLES, ROWS_PER_STRIP, PLANAR = 257, 277, 278, 284
COMPRESSION, STRIPS, STRIP_SIZES, XMP, COPYRIGHT = 259, 273, 279, 700, 33432
TILE_WIDTH, TILES, TILE_SIZES = 322, 324, 325
NESTED_DIRECTORY_TAGS = (330, 34665, 34853)  # SubIFDs, Exif, GPS
MAX_DIRECTORIES = 1000  # directories; a chain longer than that is a loop

ByteSpan = tuple[int, int]


@dataclass(slots=True)
class DirectoryCheck:
    """`faults`: words, the first one first. `raw`: (start, stop) of the uncompressed strips of the first page."""

    faults: list[str] = field(default_factory=list)
    raw: list[ByteSpan] = field(default_factory=list)


def check_directories(data: bytes) -> DirectoryCheck:
    """Follows every directory. Never raises for what the bytes say."""
    first = first_directory(data)
    found = DirectoryCheck(raw=first.raw())
    seen: set[int] = set()
    queue = [first.at]
    while queue and len(seen) < MAX_DIRECTORIES:
        at = queue.pop(0)
        if at in seen:
            continue
        page = TiffDirectory(data, at, first.order, first.big)
        found.faults += page.faults()
        seen.add(at)
        queue += page.further()
    return found


class _Entry(NamedTuple):
    tag: int
    kind: int
    values: int
    at: int  # where its values lie

    @property
    def stop(self) -> int:
        return self.at + self.values * TYPE_SIZES.get(self.kind, 0)


class TiffDirectory:
    """One directory: `at` is where it lies, `big` that the file is a BigTIFF."""

    def __init__(self, data: bytes, at: int, order: ByteOrder, big: bool) -> None:
        self._data, self.at, self.order, self.big = data, at, order, big
        self._head, self._row, self._word = (8, 20, 8) if big else (2, 12, 4)
        count = self._number(at, self._head) if at + self._head <= len(data) else 0
        self._end = at + self._head + count * self._row
        fits = self._end + self._word <= len(data)
        self.entries = {entry.tag: entry for entry in self._entries()} if fits else {}
        self._sound = count > 0 and fits

    def _number(self, at: int, size: int) -> int:
        return int.from_bytes(self._data[at : at + size], self.order)

    def _entries(self) -> Iterator[_Entry]:
        for at in range(self.at + self._head, self._end, self._row):
            tag, kind = self._number(at, 2), self._number(at + 2, 2)
            count, value = self._number(at + 4, self._word), at + 4 + self._word
            inside = count * TYPE_SIZES.get(kind, 0) <= self._word
            yield _Entry(tag, kind, count, value if inside else self._number(value, self._word))

    def faults(self) -> Iterator[str]:
        """What does not fit."""
        if not self._sound:
            yield f"no directory at byte {self.at}"
            return
        tags = [self._number(at, 2) for at in range(self.at + self._head, self._end, self._row)]
        if any(one >= other for one, other in pairwise(tags)):
            yield f"the directory at byte {self.at} is not in order"
        for entry in self.entries.values():
            yield from self._of(entry)
        if self._strips_missing():
            yield "its strips do not make up its height"
        for places, sizes, name in ((STRIPS, STRIP_SIZES, "strip"), (TILES, TILE_SIZES, "tile")):
            if places in self.entries and sizes not in self.entries:
                yield f"the sizes of its {name}s are missing"
            beyond = [number for number, (_, stop) in enumerate(self._parts(places, sizes)) if stop > len(self._data)]
            if beyond:
                yield f"{name} {beyond[0]} runs past the end"

    def _of(self, entry: _Entry) -> Iterator[str]:
        if entry.kind not in TYPE_SIZES or entry.kind not in TYPES_BY_TAG.get(entry.tag, TYPE_SIZES):
            yield f"tag {entry.tag} has type {entry.kind}"
        elif 254 <= entry.tag < XMP and entry.tag not in KNOWN_TAGS:
            yield f"there is no tag {entry.tag}"
        elif entry.tag in SINGLE_VALUE_TAGS and entry.values != 1:
            yield f"tag {entry.tag} has {entry.values} values"
        elif entry.tag in CHOICES_BY_TAG and self.numbers(entry.tag)[0] not in CHOICES_BY_TAG[entry.tag]:
            yield f"tag {entry.tag} is {self.numbers(entry.tag)[0]}"
        elif entry.stop > len(self._data):
            yield f"the value of tag {entry.tag} runs past the end"
        elif entry.kind == ASCII and entry.tag != COPYRIGHT and not _is_text(self.bytes(entry.tag)):
            yield f"tag {entry.tag} is no text"
        elif entry.tag in WRITER_TAGS and entry.kind == ASCII and entry.values > 1 and not any(self.bytes(entry.tag)):
            yield f"tag {entry.tag} is nothing but zeros"
        elif entry.tag == XMP and not _is_xml(self.bytes(entry.tag)):
            yield "its XMP metadata is broken"

    def bytes(self, tag: int) -> bytes:
        """What a tag holds; nothing where it is absent."""
        entry = self.entries.get(tag)
        return self._data[entry.at : entry.stop] if entry else b""

    def numbers(self, tag: int) -> list[int]:
        """The whole numbers of a tag; none where it is absent or runs past the end."""
        entry = self.entries.get(tag)
        if entry is None or entry.kind not in (*UNSIGNED_TYPES, 13, 18) or entry.stop > len(self._data):
            return []
        size = TYPE_SIZES[entry.kind]
        return [self._number(at, size) for at in range(entry.at, entry.stop, size)]

    def only(self, tag: int) -> int:
        """The first number of a tag, 0 where there is none."""
        return next(iter(self.numbers(tag)), 0)

    def _parts(self, places: int, sizes: int) -> list[ByteSpan]:
        return [
            (at, at + size) for at, size in zip(self.numbers(places), self.numbers(sizes), strict=False) if at and size
        ]

    def _strips_missing(self) -> bool:
        """A strip for every so many rows, and once more for every plane."""
        if TILE_WIDTH in self.entries:  # old writers named their tiles in the strips' tags
            return False
        rows, height, strips = (self.numbers(tag) for tag in (ROWS_PER_STRIP, HEIGHT, STRIPS))
        if not (rows and rows[0] and height and strips):
            return False
        planes = (self.numbers(SAMPLES) or [1])[0] if self.numbers(PLANAR) == [2] else 1
        return len(strips) != -(-height[0] // rows[0]) * planes

    def pieces(self) -> list[ByteSpan]:
        """Where its strips or tiles lie, in the order of the picture."""
        return self._parts(STRIPS, STRIP_SIZES) or self._parts(TILES, TILE_SIZES)

    def raw(self) -> list[ByteSpan]:
        """Where uncompressed strips lie. Tiles are left out: those at the edges are filled up with zeros."""
        plain = self.numbers(COMPRESSION) in ([], [1]) and TILE_WIDTH not in self.entries
        return self._parts(STRIPS, STRIP_SIZES) if plain else []

    def further(self) -> list[int]:
        """Where other directories should be: nested ones, and the next page's."""
        if not self._sound:
            return []
        nested = [at for tag in NESTED_DIRECTORY_TAGS for at in self.numbers(tag)]
        return [at for at in (*nested, self._number(self._end, self._word)) if at]


def first_directory(data: bytes) -> TiffDirectory:
    """The one of page one; without entries where there is none."""
    order: ByteOrder = "little" if data[:1] == b"I" else "big"
    big = data[2:3] == b"+" or data[3:4] == b"+"
    return TiffDirectory(data, int.from_bytes(data[8:16] if big else data[4:8], order), order, big)


def _is_text(value: bytes) -> bool:
    """Ends in NUL, and has nothing behind its first one: what an overwritten or shifted text does not."""
    return not value or (value[-1] == 0 and b"\0" not in value.rstrip(b"\0"))


def _is_xml(value: bytes) -> bool:
    parser = ParserCreate()
    try:
        parser.Parse(value.rstrip(b"\0 \r\n\t"), True)
    except ExpatError:
        return False
    return True
