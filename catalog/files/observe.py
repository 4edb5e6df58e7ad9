"""Record what was seen on disk. Call inside the writer's transaction.

Scans and hints may be out of date. Each is compared with the current row here, so one that arrives twice, late or out
of order does no harm.
"""

from functools import partial
from typing import NamedTuple

from catalog.files.decision import FileRow, SightingAction, action_for, retry_delay
from catalog.filesystem.listed_names import exists_as_listed
from catalog.filesystem.paths import join_path, split_path, subtree_range
from catalog.filesystem.stat_signature import UNKNOWN_SIGNATURE, Signature, file_kind, lstat_or_none
from catalog.store.database import Database
from catalog.store.directories import ensure_directory, innermost_volume
from catalog.store.isolation import isolated
from catalog.store.volumes import volume_is_present
from models.decode.reason import RejectReason


class Sighting(NamedTuple):
    """A path as it was seen: a regular file, or with `reason` one that is not read (link, device, no permission)."""

    path: bytes
    signature: Signature
    due: float  # do not read it before then; seconds since the epoch
    reason: RejectReason | None = None
    detail: str = ""


PRESENT_FILES_SQL = (
    "SELECT f.id, d.volume FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
    " WHERE f.state != 'gone' AND v.away IS NULL"
)
COLUMNS = "id, state, size, mtime_ns, ctime_ns, inode"


def file_row(database: Database, directory: int, name: bytes) -> FileRow | None:
    """Return the row of a path, or None."""
    row = database.row(f"SELECT {COLUMNS} FROM file WHERE directory = ? AND name = ?", directory, name)
    if row is None:
        return None
    id_, state, *numbers = row
    return FileRow(id_, state, Signature(*numbers))


def record_sighting(database: Database, seen: Sighting, now: float) -> bool:
    """Record a sighting; return whether the file has to be read. Reject one that cannot be recorded."""

    def reject(problem: str) -> bool:
        unreadable = Sighting(seen.path, UNKNOWN_SIGNATURE, seen.due, RejectReason.UNREADABLE, problem)
        return _record_sighting(database, unreadable, now)

    return isolated(database, partial(_record_sighting, database, seen, now), reject)


def _record_sighting(database: Database, seen: Sighting, now: float) -> bool:
    folder, name = split_path(seen.path)
    try:
        directory = ensure_directory(database, folder)
    except LookupError:
        return False  # a late hint from a root that was removed from the configuration
    row = file_row(database, directory, name)
    if seen.reason is RejectReason.UNREADABLE:
        _reject_unreadable(database, directory, name, seen, row, now)
        return False
    if action_for(seen.signature, row) is not SightingAction.READ:
        return row is not None and _update_unchanged(database, row, seen)
    if seen.reason is not None:
        _upsert_file(database, directory, name, seen, "rejected", now)
        # A link must not keep the content of a file that it replaced: it would count as a copy.
        database.run(
            "UPDATE file SET content = NULL, last_verified = NULL WHERE directory = ? AND name = ?", directory, name
        )
        return False
    if row is None and _follow_move(database, directory, name, seen):
        return True
    _upsert_file(database, directory, name, seen, "pending", now)
    return True


def _reject_unreadable(
    database: Database, directory: int, name: bytes, seen: Sighting, row: FileRow | None, now: float
) -> None:
    """Reject a path that cannot be looked at; it keeps its content and is tried again soon."""
    if row is None or row.state == "gone":
        _upsert_file(database, directory, name, seen, "rejected", now)
    database.run(
        "UPDATE file SET state = 'rejected', reason = ?, detail = ?, due = ? WHERE directory = ? AND name = ?"
        " AND (reason IS NOT ? OR due IS NULL)",
        *(seen.reason, seen.detail, now + retry_delay(0), directory, name, seen.reason),
    )


def _update_unchanged(database: Database, row: FileRow, seen: Sighting) -> bool:
    """Update the inode of an unchanged file, and read a pending one earlier if it was closed; return whether it was."""
    if row.signature.inode != seen.signature.inode:
        database.run("UPDATE file SET inode = ? WHERE id = ?", seen.signature.inode, row.id)
    earlier = row.state == "pending" and database.run(
        "UPDATE file SET due = ? WHERE id = ? AND due > ? AND attempts = 0", seen.due, row.id, seen.due
    )
    return bool(earlier)


def _upsert_file(database: Database, directory: int, name: bytes, seen: Sighting, state: str, now: float) -> None:
    due = seen.due if state == "pending" else None
    database.run(
        "INSERT INTO file(directory, name, size, mtime_ns, ctime_ns, inode, state, reason, detail, due, first_seen)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (directory, name) DO UPDATE SET"
        " size = excluded.size, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, inode = excluded.inode,"
        " state = excluded.state, reason = excluded.reason, detail = excluded.detail, due = excluded.due, attempts = 0,"
        " betrayed = 0",
        *(directory, name, *seen.signature, state, seen.reason, seen.detail or None, due, now),
    )


def _follow_move(database: Database, directory: int, name: bytes, seen: Sighting) -> bool:
    """Find the row of a file that was moved here unwatched, by inode, size and mtime on one volume, and move the row.

    Its bytes are hashed again, since they may have changed meanwhile; known bytes are not decoded or embedded again.
    If the old path still exists, this is a hard link and not a move.
    """
    size, mtime_ns, ctime_ns, inode = seen.signature
    # Most new files have a new inode; this query takes a third of the time of the next one.
    if database.value("SELECT 1 FROM file WHERE inode = ? LIMIT 1", inode) is None:
        return False
    for id_, old_folder, old_name, volume in database.rows(
        "SELECT f.id, d.path, f.name, d.volume FROM file f JOIN directory d ON d.id = f.directory"
        " WHERE f.inode = ? AND f.size = ? AND f.mtime_ns = ? AND f.state IN ('ok', 'gone')"
        " AND EXISTS (SELECT 1 FROM vector WHERE content = f.content"
        " AND model = (SELECT id FROM model WHERE role = 'current'))"
        " AND d.volume = (SELECT volume FROM directory WHERE id = ?)",
        *(inode, size, mtime_ns, directory),
    ):
        if is_missing(database, join_path(old_folder, old_name)) and volume_is_present(database, volume):
            database.run(
                "UPDATE file SET directory = ?, name = ?, ctime_ns = ?, state = 'pending', detail = NULL, due = ?"
                " WHERE id = ?",
                *(directory, name, ctime_ns, seen.due, id_),
            )
            return True
    return False


def _exists(database: Database, path: bytes) -> bool:
    """Return whether a path exists under exactly this name. Raises OSError if that cannot be determined."""
    if lstat_or_none(path) is None:
        return False  # nearly always: no need to know the volume
    volume = innermost_volume(database, path)
    top = path if volume is None else database.value("SELECT path FROM volume WHERE id = ?", volume)
    return exists_as_listed(path, top)


def is_missing(database: Database, path: bytes) -> bool:
    """Return whether no file has exactly this name any more. One that cannot be looked at may exist."""
    try:
        return not _exists(database, path)
    except OSError:
        return False


def record_missing_path(database: Database, path: bytes, now: float) -> int:
    """Declare a missing path and everything below it gone, keeping their content; return how many files."""
    return _declare_gone(database, _missing_files(database, path))


def record_missing_paths(database: Database, paths: list[bytes], now: float) -> int:
    """Call `record_missing_path` for many paths; return how many files are gone."""
    return _declare_gone(database, [file for path in paths for file in _missing_files(database, path)])


def _missing_files(database: Database, path: bytes) -> list[tuple[int, int]]:
    """Return the known files (id, volume) at or below `path` that no longer exist.

    A directory may have replaced a file, or a file or link a directory.
    """
    try:
        found = lstat_or_none(path) if _exists(database, path) else None
    except OSError:
        return []
    files: list[tuple[int, int]] = []
    is_directory = found is not None and file_kind(found) == "directory"
    if found is None or is_directory:
        files += database.rows(PRESENT_FILES_SQL + " AND d.path = ? AND f.name = ?", *split_path(path))
    if not is_directory:
        low, high = subtree_range(path)
        files += database.rows(PRESENT_FILES_SQL + " AND (d.path = ? OR (d.path >= ? AND d.path < ?))", path, low, high)
    return files


def _declare_gone(database: Database, files: list[tuple[int, int]]) -> int:
    """Declare files (id, volume) gone, except those of absent volumes; return how many.

    The volumes are checked after their files, as one may go away in between.
    """
    present = {volume: volume_is_present(database, volume) for volume in {volume for _, volume in files}}
    gone = [id_ for id_, volume in files if present[volume]]
    for id_ in gone:
        database.run(
            "UPDATE file SET state = 'gone', reason = NULL, detail = NULL, due = NULL, attempts = 0 WHERE id = ?",
            id_,
        )
    return len(gone)


def record_sightings(database: Database, batch: list[Sighting], now: float) -> int:
    """Record many sightings; return how many files have to be read.

    Only if the batch fails is each sighting isolated: a savepoint takes a fifth of the time of recording one.
    """

    def record_each(problem: str) -> int:
        return sum(record_sighting(database, seen, now) for seen in batch)

    return isolated(database, lambda: sum(_record_sighting(database, seen, now) for seen in batch), record_each)
