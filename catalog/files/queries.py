"""Files as people ask for them: rows joined with their content and their volume.

Which content the owner means by a path: what the catalog read there, if that is what stands there still.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from catalog.filesystem.paths import join_path, split_path, subtree_range
from catalog.filesystem.stat_signature import Signature, lstat_or_none, signature_of
from catalog.formatting import path_text
from catalog.store.database import Database
from catalog.store.directories import directory_id

FILE_CONTENT_SQL = (
    "SELECT f.state, f.size, f.mtime_ns, f.ctime_ns, f.inode, c.sha256, c.bytes FROM file f"
    " JOIN directory d ON d.id = f.directory LEFT JOIN content c ON c.id = f.content WHERE d.path = ? AND f.name = ?"
)


def content_at(database: Database, path: bytes) -> tuple[bytes, int] | str:
    """The content at a path (sha256, bytes), or in words why none can be told.

    What cannot be looked at now, on a disk that is away, is what it was.
    """
    row = database.row(FILE_CONTENT_SQL, *split_path(path))
    if row is None or row[0] == "gone":
        return "is not in the catalog"
    if row[0] == "pending" or row[5] is None:
        return "was not read yet"
    try:
        found = lstat_or_none(path)
    except OSError:
        found = None
    if found is not None and signature_of(found).stamp != Signature(*row[1:5]).stamp:
        return "changed since it was read"
    return row[5], row[6]


SUSPECT = "suspect"  # shown as the reason of an ok file
PAGE_ROWS = 2000  # rows a query: a reader must never hold one cursor for as long as a person reads

ENTRY_SQL = (
    "SELECT f.id, d.path, f.name, iif(v.away IS NULL, f.state, iif(f.state = 'gone', 'gone', 'unreachable')),"
    " iif(v.away IS NOT NULL, v.away, iif(f.state = 'ok' AND c.suspect IS NOT NULL, 'suspect', f.reason)),"
    " coalesce(f.detail, iif(f.state = 'ok', c.suspect, NULL)), hex(c.sha256), f.size, c.format, c.width, c.height,"
    " f.content, f.first_seen, f.last_verified, l.value, s.p_delete"
    " FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
    " LEFT JOIN content c ON c.id = f.content LEFT JOIN label l ON l.content = f.content"
    " LEFT JOIN score s ON s.content = f.content"
)


class FileEntry(NamedTuple):
    """One file. `state` is what the owner is told: files of an absent volume are `unreachable`."""

    id: int
    directory: bytes
    name: bytes
    state: str
    reason: str | None
    detail: str | None
    sha256: str | None
    size: int
    format: str | None
    width: int | None
    height: int | None
    content: int | None
    first_seen: float
    last_verified: float | None
    label: str | None
    p_delete: float | None

    @property
    def path(self) -> bytes:
        """The whole path."""
        return join_path(self.directory, self.name)

    def scored(self, least: float | None, most: float | None) -> bool:
        """Whether p_delete lies within the limits; one without p_delete lies within none. Pure."""
        if least is None and most is None:
            return True
        return self.p_delete is not None and (least or 0.0) <= self.p_delete <= (1.0 if most is None else most)

    def record(self) -> dict[str, Any]:
        """The line that `ls --json` promises."""
        return {
            "path": path_text(self.path),
            "state": self.state,
            "reason": self.reason,
            "detail": self.detail,
            "sha256": self.sha256.lower() if self.sha256 else None,
            "bytes": self.size,
            "format": self.format,
            "width": self.width,
            "height": self.height,
            "label": self.label,
            "p_delete": None if self.p_delete is None else round(self.p_delete, 6),
        }


class FileFilter(NamedTuple):
    """Which files. Empty fields take all; `below` is a directory; `suspect` takes ok files that may be damaged;
    `least` and `most` are limits of p_delete.
    """

    states: tuple[str, ...] = ()
    reason: str = ""
    format: str = ""
    below: bytes = b""
    name: str = ""
    suspect: bool = False
    least: float | None = None
    most: float | None = None

    def matches(self, entry: FileEntry) -> bool:
        """Whether an entry is wanted. Pure."""
        return (
            (not self.states or entry.state in self.states)
            and (not self.reason or (entry.reason or "").startswith(self.reason))
            and (not self.format or entry.format == self.format)
            and entry.scored(self.least, self.most)
            and (not self.suspect or (entry.state, entry.reason) == ("ok", SUSPECT))
            and self.name.lower() in entry.name.decode("utf-8", "replace").lower()
        )


def matching_entries(database: Database, wanted: FileFilter) -> Iterator[FileEntry]:
    """All matching files, directory by directory; suspects by their own index, as there are few among many."""
    if wanted.suspect:
        yield from _suspect_entries(database, wanted)
        return
    for (directory,) in _directories(database, wanted.below):
        last = b""
        while True:
            rows = database.rows(
                f"{ENTRY_SQL} WHERE f.directory = ? AND f.name > ? ORDER BY f.name LIMIT ?", directory, last, PAGE_ROWS
            )
            for row in rows:
                entry = FileEntry(*row)
                if wanted.matches(entry):
                    yield entry
            if len(rows) < PAGE_ROWS:
                break
            last = rows[-1][2]


def _suspect_entries(database: Database, wanted: FileFilter) -> Iterator[FileEntry]:
    low, high = subtree_range(wanted.below)
    for (content,) in database.rows("SELECT id FROM content WHERE suspect IS NOT NULL AND refs > 0"):
        for row in database.rows(f"{ENTRY_SQL} WHERE f.content = ? ORDER BY f.id", content):
            entry = FileEntry(*row)
            inside = not wanted.below or entry.directory == wanted.below or low <= entry.directory < high
            if inside and wanted.matches(entry):
                yield entry


def count_suspects(database: Database) -> int:
    """How many ok files may be damaged, those of absent volumes left out."""
    return int(
        database.value(  # CROSS JOIN keeps the order: the planner would begin with all files, not with the few suspects
            "SELECT count(*) FROM content c CROSS JOIN file f ON f.content = c.id AND f.state = 'ok'"
            " JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume AND v.away IS NULL"
            " WHERE c.suspect IS NOT NULL"
        )
    )


def _directories(database: Database, top: bytes) -> list[tuple[Any, ...]]:
    if not top:
        return database.rows("SELECT id FROM directory ORDER BY path")
    low, high = subtree_range(top)
    return database.rows(
        "SELECT id FROM directory WHERE path = ? OR (path >= ? AND path < ?) ORDER BY path", top, low, high
    )


def rejected_entries(database: Database) -> Iterator[FileEntry]:
    """The quarantine list, newest first, by its own index."""
    after = (float("inf"), 0)
    while True:
        rows = database.rows(
            f"{ENTRY_SQL} WHERE f.state = 'rejected' AND (f.first_seen, f.id) < (?, ?)"
            " ORDER BY f.first_seen DESC, f.id DESC LIMIT ?",
            *(*after, PAGE_ROWS),
        )
        for row in rows:
            entry = FileEntry(*row)
            if entry.state == "rejected":
                yield entry
        if len(rows) < PAGE_ROWS:
            return
        after = (rows[-1][12], rows[-1][0])


def entry_at(database: Database, path: bytes) -> FileEntry | None:
    """The file at a path."""
    where, name = split_path(path)
    directory = directory_id(database, where)
    row = directory and database.row(f"{ENTRY_SQL} WHERE f.directory = ? AND f.name = ?", directory, name)
    return FileEntry(*row) if row else None


def entry_by_id(database: Database, file: int) -> FileEntry | None:
    """A file by its row's id."""
    row = database.row(f"{ENTRY_SQL} WHERE f.id = ?", file)
    return FileEntry(*row) if row else None


def files_with_content(database: Database, content: int) -> list[FileEntry]:
    """The files that hold a content and are not gone, the readable ones first."""
    return files_with_contents(database, [content]).get(content, [])


def files_with_contents(
    database: Database, contents: Sequence[int], fitting: str = "", values: Sequence[object] = ()
) -> dict[int, list[FileEntry]]:
    """Return `holders` of several contents, by content. `fitting`: further conditions on the tables of `SELECT`."""
    rows = database.rows(
        f"{ENTRY_SQL} WHERE f.content IN ({','.join('?' * len(contents))}) AND f.state != 'gone'{fitting}"
        " ORDER BY v.away IS NOT NULL, f.id",
        *contents,
        *values,
    )
    found: dict[int, list[FileEntry]] = {}
    for row in rows:
        entry = FileEntry(*row)
        found.setdefault(entry.content or 0, []).append(entry)
    return found
