"""Ratings, rejects and pick labels that other programs left beside or inside files of the catalog."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from catalog.files.queries import FileEntry, FileFilter, content_at, matching_entries
from catalog.filesystem.safe_read import open_regular, read_whole
from catalog.store.database import Database
from models.decode.reason import RejectReason
from models.xmp import MAX_PACKET_BYTES, read_xmp_packet
from models.xmp_rating import XmpError, XmpMarks, read_xmp_marks

SIDECAR_SUFFIX = b".xmp"
IMPORTED_STATES = (
    "ok",
    "rejected",
)  # a damaged picture, or a raw one that is not decoded here, was chosen all the same
NOT_IMAGES = (RejectReason.NOT_IMAGE, RejectReason.WRONG_TYPE)


@dataclass(frozen=True, slots=True)
class StarThresholds:
    """Stars that say delete, from 1 to `delete_at_most` (0: none do), and keep, from `keep_at_least` on."""

    delete_at_most: int = 0
    keep_at_least: int = 4


@dataclass(slots=True)
class ImportTally:
    """What was met. `seen`: files by what they say; `unread`: (file or sidecar, why) of what could not be read."""

    files: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    unread: list[tuple[bytes, str]] = field(default_factory=list)


def implied_label(marks: XmpMarks, scale: StarThresholds) -> str | None:
    """keep, delete, "both" where one program rejected and another accepted, or None. Pure.

    A flag says what is to become of the picture, stars how good it is: where there is a flag, stars do not count.
    """
    if marks.rejected or marks.accepted:
        return "both" if marks.rejected and marks.accepted else "delete" if marks.rejected else "keep"
    if marks.stars >= scale.keep_at_least:
        return "keep"
    return "delete" if 0 < marks.stars <= scale.delete_at_most else None


def rating_kind(marks: XmpMarks) -> str:
    """The kind that a report counts it under. Pure."""
    if marks.rejected or marks.accepted:
        return (
            "rejected and accepted"
            if marks.rejected and marks.accepted
            else ("rejected" if marks.rejected else "accepted")
        )
    return f"{marks.stars} stars" if marks.stars else "no rating"


def rated_files(
    database: Database, folders: tuple[bytes, ...], tally: ImportTally, told: Callable[[], object]
) -> Iterator[tuple[FileEntry, XmpMarks]]:
    """Files of the catalog with what XMP says of them; files without XMP are only counted. Calls `told` for each file.

    A sidecar counts before the packet inside, IMG.jpg.xmp before IMG.xmp: each is the later and the surer word.
    """
    folder, sidecars = b"", set[bytes]()
    for below in folders or (b"",):
        for entry in matching_entries(database, FileFilter(states=IMPORTED_STATES, below=below)):
            if entry.reason in NOT_IMAGES or entry.name.lower().endswith(SIDECAR_SUFFIX):
                continue
            told()
            tally.files += 1
            if entry.directory != folder:
                folder, sidecars = entry.directory, _sidecar_names(entry.directory)
            marks = _marks_from_sidecar(entry, sidecars, tally) or _marks_from_packet(entry, tally)
            if marks is None:
                continue
            if isinstance(held := content_at(database, entry.path), str):
                tally.unread.append((entry.path, held))
                continue
            tally.seen[rating_kind(marks)] += 1
            yield entry, marks


def _sidecar_names(folder: bytes) -> set[bytes]:
    try:
        return {name for name in os.listdir(folder) if name.lower().endswith(SIDECAR_SUFFIX)}
    except OSError:
        return set()


def _marks_from_sidecar(entry: FileEntry, sidecars: set[bytes], tally: ImportTally) -> XmpMarks | None:
    stem, extension = os.path.splitext(entry.name)
    for start in (entry.name, stem):
        for name in (start + SIDECAR_SUFFIX, start + SIDECAR_SUFFIX.upper()):
            if name in sidecars:
                marks = _read_sidecar(os.path.join(entry.directory, name), tally)
                if marks is not None and _is_sidecar_of(marks, extension):
                    return marks
    return None


def _is_sidecar_of(marks: XmpMarks, extension: bytes) -> bool:
    """IMG.xmp beside IMG.CR2 and IMG.JPG is the raw file's, if it says so."""
    return not marks.extension or marks.extension.encode("utf-8", "replace") == extension[1:].lower()


def _read_sidecar(path: bytes, tally: ImportTally) -> XmpMarks | None:
    try:
        data = read_whole(path, MAX_PACKET_BYTES + 1)
    except OSError as error:
        tally.unread.append((path, os.strerror(error.errno or 0).lower()))
        return None
    return _parse_marks(path, data, tally)


def _marks_from_packet(entry: FileEntry, tally: ImportTally) -> XmpMarks | None:
    try:
        with open_regular(entry.path) as opened:
            found = read_xmp_packet(lambda start, length: os.pread(opened.handle, length, start), entry.size)
    except OSError as error:
        tally.unread.append((entry.path, os.strerror(error.errno or 0).lower()))
        return None
    return None if found is None else _parse_marks(entry.path, found, tally)


def _parse_marks(path: bytes, data: bytes, tally: ImportTally) -> XmpMarks | None:
    if len(data) > MAX_PACKET_BYTES:
        tally.unread.append((path, f"its XMP has more than {MAX_PACKET_BYTES} bytes"))
        return None
    try:
        return read_xmp_marks(data)
    except XmpError as error:
        tally.unread.append((path, str(error)))
        return None
