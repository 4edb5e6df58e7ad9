"""Queries for files, joined with their content and volume."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from catalog.filesystem.paths import at_or_inside, join_path, split_path, subtree_range
from catalog.filesystem.stat_signature import Signature, signature_at
from catalog.formatting import path_text
from catalog.store.database import Database
from catalog.store.directories import directory_id
from catalog.store.volumes import DROPPED, NOT_DROPPED_SQL, SHOWN_STATE_SQL

if TYPE_CHECKING:
    from catalog.json_types.files import FileJson

FILE_CONTENT_SQL = (
    "SELECT f.state, f.size, f.mtime_ns, f.ctime_ns, f.inode, c.sha256, c.bytes FROM file f"
    " JOIN directory d ON d.id = f.directory LEFT JOIN content c ON c.id = f.content WHERE d.path = ? AND f.name = ?"
)


def content_at(database: Database, path: bytes) -> tuple[bytes, int] | str:
    """Return the content (sha256, bytes) of the file at a path, or why it is unknown, as the predicate of a sentence.

    A file that cannot be looked at now, on a disk that is away, is taken to be unchanged.
    """
    row = database.row(FILE_CONTENT_SQL, *split_path(path))
    if row is None:
        return "is not in the catalog"
    state, *numbers, sha256, size = row
    if state == "gone":
        return "is not in the catalog"
    if state == "pending" or sha256 is None:
        return "was not read yet"
    seen = signature_at(path)
    if seen is not None and seen.stamp != Signature(*numbers).stamp:
        return "changed since it was read"
    return sha256, size


SUSPECT = "suspect"  # shown as the reason of an ok file
PAGE_ROWS = 2000  # rows per query: a cursor must not stay open while a person reads the output

ENTRY_SQL = (
    "SELECT f.id, d.path, f.name,"
    f" iif(f.state = 'gone' AND f.detail = 'ignored', 'ignored', {SHOWN_STATE_SQL}),"
    " iif(v.away IS NOT NULL, v.away, iif(f.state = 'ok' AND c.suspect IS NOT NULL, 'suspect', f.reason)),"
    " iif(f.state = 'gone', NULL, coalesce(f.detail, iif(f.state = 'ok', c.suspect, NULL))), hex(c.sha256),"
    " f.size, c.format, c.width, c.height,"
    " f.content, f.first_seen, f.last_verified, l.value, s.p_delete"
    " FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
    " LEFT JOIN content c ON c.id = f.content LEFT JOIN label l ON l.content = f.content"
    " LEFT JOIN score s ON s.content = f.content"
)


class FileEntry(NamedTuple):
    """A file. `state`: as shown to the owner: `unreachable` or `dropped` on an absent volume, or `ignored`."""

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
        """The full path."""
        return join_path(self.directory, self.name)

    def score_within(self, minimum: float | None, maximum: float | None) -> bool:
        """Return whether p_delete is within the limits. A file without a score is within no limit. Pure."""
        if minimum is None and maximum is None:
            return True
        return self.p_delete is not None and (minimum or 0.0) <= self.p_delete <= (1.0 if maximum is None else maximum)

    def record(self) -> "FileJson":
        """Return the JSON object that `ls --json` prints."""
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
    """Conditions on files; empty fields match all.

    `below`: a directory. `name`: a part of the name, without regard to case. `suspect`: only ok files that may be
    damaged. `min_score`, `max_score`: limits of p_delete.
    """

    states: tuple[str, ...] = ()
    reason: str = ""
    format: str = ""
    below: bytes = b""
    name: str = ""
    suspect: bool = False
    min_score: float | None = None
    max_score: float | None = None

    def matches(self, entry: FileEntry) -> bool:
        """Return whether an entry meets all conditions but `below`. Pure."""
        return (
            (not self.states or entry.state in self.states)
            and (not self.reason or (entry.reason or "").startswith(self.reason))
            and (not self.format or entry.format == self.format)
            and entry.score_within(self.min_score, self.max_score)
            and (not self.suspect or (entry.state, entry.reason) == ("ok", SUSPECT))
            and self.name.lower() in entry.name.decode("utf-8", "replace").lower()
        )


def matching_entries(database: Database, condition: FileFilter) -> Iterator[FileEntry]:
    """Yield all matching files, directory by directory. Suspects are few, and found by their own index."""
    if condition.suspect:
        yield from _suspect_entries(database, condition)
        return
    for (directory,) in _directories(database, condition.below):
        last = b""
        while True:
            rows = database.rows(
                f"{ENTRY_SQL} WHERE f.directory = ? AND f.name > ? ORDER BY f.name LIMIT ?", directory, last, PAGE_ROWS
            )
            entries = [FileEntry(*row) for row in rows]
            yield from filter(condition.matches, entries)
            if len(entries) < PAGE_ROWS:
                break
            last = entries[-1].name


def _suspect_entries(database: Database, condition: FileFilter) -> Iterator[FileEntry]:
    for (content,) in database.rows("SELECT id FROM content WHERE suspect IS NOT NULL AND refs > 0"):
        for row in database.rows(f"{ENTRY_SQL} WHERE f.content = ? ORDER BY f.id", content):
            entry = FileEntry(*row)
            below = not condition.below or at_or_inside(entry.directory, condition.below)
            if below and condition.matches(entry):
                yield entry


def count_suspects(database: Database) -> int:
    """Count ok files that may be damaged, except those of absent volumes."""
    return int(
        database.value(  # CROSS JOIN keeps the order: the planner would start from all files, not the few suspects
            "SELECT count(*) FROM content c CROSS JOIN file f ON f.content = c.id AND f.state = 'ok'"
            " JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume AND v.away IS NULL"
            " WHERE c.suspect IS NOT NULL"
        )
    )


def kept_content_sql(database: Database, content: str) -> str:
    """Return a condition, to append to a WHERE, that a content has a file outside dropped roots; "" if none is dropped.

    `content`: the SQL column with the content's id.
    """
    if database.row("SELECT 1 FROM volume WHERE away = ?", DROPPED) is None:
        return ""
    return (
        " AND EXISTS (SELECT 1 FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
        f" WHERE f.content = {content} AND f.state != 'gone' AND {NOT_DROPPED_SQL})"
    )


def _directories(database: Database, top: bytes) -> list[tuple[Any, ...]]:
    if not top:
        return database.rows("SELECT id FROM directory ORDER BY path")
    low, high = subtree_range(top)
    return database.rows(
        "SELECT id FROM directory WHERE path = ? OR (path >= ? AND path < ?) ORDER BY path", top, low, high
    )


def rejected_entries(database: Database) -> Iterator[FileEntry]:
    """Yield all rejected files, newest first, by their own index."""
    after = (float("inf"), 0)
    while True:
        rows = database.rows(
            f"{ENTRY_SQL} WHERE f.state = 'rejected' AND (f.first_seen, f.id) < (?, ?)"
            " ORDER BY f.first_seen DESC, f.id DESC LIMIT ?",
            *(*after, PAGE_ROWS),
        )
        entries = [FileEntry(*row) for row in rows]
        yield from (entry for entry in entries if entry.state == "rejected")
        if len(entries) < PAGE_ROWS:
            return
        after = (entries[-1].first_seen, entries[-1].id)


def entry_at(database: Database, path: bytes) -> FileEntry | None:
    """Return the file at a path, or None."""
    folder, name = split_path(path)
    directory = directory_id(database, folder)
    row = directory and database.row(f"{ENTRY_SQL} WHERE f.directory = ? AND f.name = ?", directory, name)
    return FileEntry(*row) if row else None


def entry_by_id(database: Database, file: int) -> FileEntry | None:
    """Return the file with the given row id, or None."""
    row = database.row(f"{ENTRY_SQL} WHERE f.id = ?", file)
    return FileEntry(*row) if row else None


def files_with_content(database: Database, content: int) -> list[FileEntry]:
    """Return the files that hold a content and are neither gone nor dropped, reachable ones first."""
    return files_with_contents(database, [content]).get(content, [])


def files_with_contents(
    database: Database, contents: Sequence[int], condition: str = "", values: Sequence[object] = ()
) -> dict[int, list[FileEntry]]:
    """Return `files_with_content` of several contents, by content. `condition`: SQL that is appended to the WHERE."""
    rows = database.rows(
        f"{ENTRY_SQL} WHERE f.content IN ({','.join('?' * len(contents))}) AND f.state != 'gone'"
        f" AND {NOT_DROPPED_SQL}{condition} ORDER BY v.away IS NOT NULL, f.id",
        *contents,
        *values,
    )
    files: dict[int, list[FileEntry]] = {}
    for row in rows:
        entry = FileEntry(*row)
        files.setdefault(entry.content or 0, []).append(entry)
    return files
