"""Read the XMP ratings, rejects and pick labels of files in the catalog, from sidecars and from inside the files."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from catalog.errors import error_text
from catalog.files.queries import FileEntry, FileFilter, content_at, matching_entries
from catalog.filesystem.safe_read import open_regular, read_whole
from catalog.store.database import Database
from models.decode.reason import RejectReason
from models.xmp import MAX_PACKET_BYTES, read_xmp_packet
from models.xmp_rating import XmpError, XmpMarks, read_xmp_marks

SIDECAR_SUFFIX = b".xmp"
# A damaged image, or a raw format that is not decoded, may have a rating too.
IMPORTED_STATES = ("ok", "rejected")
NOT_IMAGES = (RejectReason.NOT_IMAGE, RejectReason.WRONG_TYPE)


@dataclass(frozen=True, slots=True)
class StarThresholds:
    """Stars that mean delete: 1 to `delete_at_most` (0: none). Stars that mean keep: `keep_at_least` and more."""

    delete_at_most: int = 0
    keep_at_least: int = 4


@dataclass(slots=True)
class ImportTally:
    """Counts of an import. `seen`: files by rating; `unread`: (file or sidecar, reason) of unreadable ones."""

    files: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    unread: list[tuple[bytes, str]] = field(default_factory=list)


def implied_labels(marks: XmpMarks, thresholds: StarThresholds) -> tuple[str, ...]:
    """Return keep, delete, both if one program rejected and another accepted the image, or none. Pure.

    A flag decides about the image, stars only rate it, so stars are ignored if there is a flag.
    """
    if marks.rejected or marks.accepted:
        return ("keep",) * marks.accepted + ("delete",) * marks.rejected
    if marks.stars >= thresholds.keep_at_least:
        return ("keep",)
    return ("delete",) if 0 < marks.stars <= thresholds.delete_at_most else ()


def rating_kind(marks: XmpMarks) -> str:
    """Return the name under which the import counts these marks. Pure."""
    if marks.rejected or marks.accepted:
        return " and ".join(("rejected",) * marks.rejected + ("accepted",) * marks.accepted)
    return f"{marks.stars} stars" if marks.stars else "no rating"


def rated_files(
    database: Database, folders: tuple[bytes, ...], tally: ImportTally, on_progress: Callable[[], object]
) -> Iterator[tuple[FileEntry, XmpMarks]]:
    """Yield the files in the catalog that have XMP, with its marks; count all files, and call `on_progress` for each.

    A sidecar takes precedence over the packet in the file, and IMG.jpg.xmp over IMG.xmp: it is more recent, and more
    certain to belong to the file.
    """
    folder, sidecars = b"", set[bytes]()
    for below in folders or (b"",):
        for entry in matching_entries(database, FileFilter(states=IMPORTED_STATES, below=below)):
            if entry.reason in NOT_IMAGES or entry.name.lower().endswith(SIDECAR_SUFFIX):
                continue
            on_progress()
            tally.files += 1
            if entry.directory != folder:
                folder, sidecars = entry.directory, _sidecar_names(entry.directory)
            marks = _marks_from_sidecar(entry, sidecars, tally) or _marks_from_packet(entry, tally)
            if marks is None:
                continue
            content = content_at(database, entry.path)
            if isinstance(content, str):
                tally.unread.append((entry.path, content))
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
    for base in (entry.name, stem):
        for name in (base + SIDECAR_SUFFIX, base + SIDECAR_SUFFIX.upper()):
            if name in sidecars:
                marks = _read_sidecar(os.path.join(entry.directory, name), tally)
                if marks is not None and _is_sidecar_of(marks, extension):
                    return marks
    return None


def _is_sidecar_of(marks: XmpMarks, extension: bytes) -> bool:
    """Return whether the sidecar is for this file: IMG.xmp may name the one of IMG.CR2 and IMG.JPG it belongs to."""
    return not marks.extension or marks.extension.encode("utf-8", "replace") == extension[1:].lower()


def _read_sidecar(path: bytes, tally: ImportTally) -> XmpMarks | None:
    try:
        data = read_whole(path, MAX_PACKET_BYTES + 1)
    except OSError as error:
        tally.unread.append((path, error_text(error)))
        return None
    return _parse_marks(path, data, tally)


def _marks_from_packet(entry: FileEntry, tally: ImportTally) -> XmpMarks | None:
    try:
        with open_regular(entry.path) as opened:
            packet = read_xmp_packet(lambda start, length: os.pread(opened.handle, length, start), entry.size)
    except OSError as error:
        tally.unread.append((entry.path, error_text(error)))
        return None
    return None if packet is None else _parse_marks(entry.path, packet, tally)


def _parse_marks(path: bytes, data: bytes, tally: ImportTally) -> XmpMarks | None:
    if len(data) > MAX_PACKET_BYTES:
        tally.unread.append((path, f"its XMP is larger than {MAX_PACKET_BYTES} bytes"))
        return None
    try:
        return read_xmp_marks(data)
    except XmpError as error:
        tally.unread.append((path, str(error)))
        return None
