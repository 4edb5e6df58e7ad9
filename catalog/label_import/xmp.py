"""Ratings, rejects and pick labels that other programs left beside or inside files of the catalog."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from catalog.files.queries import Entry, Filter, content_at, entries
from catalog.filesystem.safe_read import open_regular, read_whole
from catalog.store.database import Database
from models.decode.reason import Reason
from models.metadata.xmp import MOST, packet
from models.metadata.xmp_rating import Malformed, Marks, read_marks

SUFFIX = b".xmp"
STATES = ("ok", "rejected")  # a damaged picture, or a raw one that is not decoded here, was chosen all the same
NO_PICTURES = (Reason.NOT_IMAGE, Reason.WRONG_TYPE)


@dataclass(frozen=True, slots=True)
class Scale:
    """Stars that say delete, from 1 to `delete_at_most` (0: none do), and keep, from `keep_at_least` on."""

    delete_at_most: int = 0
    keep_at_least: int = 4


@dataclass(slots=True)
class Tally:
    """What was met. `seen`: files by what they say; `unread`: (file or sidecar, why) of what could not be read."""

    files: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    unread: list[tuple[bytes, str]] = field(default_factory=list)


def wish(marks: Marks, scale: Scale) -> str | None:
    """keep, delete, "both" where one program rejected and another accepted, or None. Pure.

    A flag says what is to become of the picture, stars how good it is: where there is a flag, stars do not count.
    """
    if marks.rejected or marks.accepted:
        return "both" if marks.rejected and marks.accepted else "delete" if marks.rejected else "keep"
    if marks.stars >= scale.keep_at_least:
        return "keep"
    return "delete" if 0 < marks.stars <= scale.delete_at_most else None


def says(marks: Marks) -> str:
    """The kind that a report counts it under. Pure."""
    if marks.rejected or marks.accepted:
        return (
            "rejected and accepted"
            if marks.rejected and marks.accepted
            else ("rejected" if marks.rejected else "accepted")
        )
    return f"{marks.stars} stars" if marks.stars else "no rating"


def marked(
    database: Database, folders: tuple[bytes, ...], tally: Tally, told: Callable[[], object]
) -> Iterator[tuple[Entry, Marks]]:
    """Files of the catalog with what XMP says of them; files without XMP are only counted. Calls `told` for each file.

    A sidecar counts before the packet inside, IMG.jpg.xmp before IMG.xmp: each is the later and the surer word.
    """
    folder, sidecars = b"", set[bytes]()
    for below in folders or (b"",):
        for entry in entries(database, Filter(states=STATES, below=below)):
            if entry.reason in NO_PICTURES or entry.name.lower().endswith(SUFFIX):
                continue
            told()
            tally.files += 1
            if entry.directory != folder:
                folder, sidecars = entry.directory, _sidecars(entry.directory)
            marks = _beside(entry, sidecars, tally) or _inside(entry, tally)
            if marks is None:
                continue
            if isinstance(held := content_at(database, entry.path), str):
                tally.unread.append((entry.path, held))
                continue
            tally.seen[says(marks)] += 1
            yield entry, marks


def _sidecars(folder: bytes) -> set[bytes]:
    try:
        return {name for name in os.listdir(folder) if name.lower().endswith(SUFFIX)}
    except OSError:
        return set()


def _beside(entry: Entry, sidecars: set[bytes], tally: Tally) -> Marks | None:
    stem, extension = os.path.splitext(entry.name)
    for start in (entry.name, stem):
        for name in (start + SUFFIX, start + SUFFIX.upper()):
            if name in sidecars:
                marks = _sidecar(os.path.join(entry.directory, name), tally)
                if marks is not None and _belongs(marks, extension):
                    return marks
    return None


def _belongs(marks: Marks, extension: bytes) -> bool:
    """IMG.xmp beside IMG.CR2 and IMG.JPG is the raw file's, if it says so."""
    return not marks.extension or marks.extension.encode("utf-8", "replace") == extension[1:].lower()


def _sidecar(path: bytes, tally: Tally) -> Marks | None:
    try:
        data = read_whole(path, MOST + 1)
    except OSError as error:
        tally.unread.append((path, os.strerror(error.errno or 0).lower()))
        return None
    return _parsed(path, data, tally)


def _inside(entry: Entry, tally: Tally) -> Marks | None:
    try:
        with open_regular(entry.path) as opened:
            found = packet(lambda start, length: os.pread(opened.handle, length, start), entry.size)
    except OSError as error:
        tally.unread.append((entry.path, os.strerror(error.errno or 0).lower()))
        return None
    return None if found is None else _parsed(entry.path, found, tally)


def _parsed(path: bytes, data: bytes, tally: Tally) -> Marks | None:
    if len(data) > MOST:
        tally.unread.append((path, f"its XMP has more than {MOST} bytes"))
        return None
    try:
        return read_marks(data)
    except Malformed as error:
        tally.unread.append((path, str(error)))
        return None
