"""What was seen on disk, written into the catalog. All of it inside the writer's transaction.

Scans and hints come here with possibly old knowledge; the decision is made again against the row as it is now,
so a message that comes twice, late or out of order does no harm.
"""

from typing import NamedTuple

from catalog.errors import UnstorableValueError
from catalog.files.decision import FileRow, SightingAction, action_for, retry_delay
from catalog.filesystem.paths import join_path, split_path, subtree_range
from catalog.filesystem.stat_signature import UNKNOWN_SIGNATURE, Signature, file_kind, is_missing, lstat_or_none
from catalog.store.database import Database
from catalog.store.directories import ensure_directory
from catalog.store.volumes import volume_is_present
from models.decode.reason import RejectReason


class Sighting(NamedTuple):
    """A regular file, or with `reason` something that is not read (a link, a device, what nobody can look at)."""

    path: bytes
    signature: Signature
    due: float  # seconds since the epoch: read it not before then
    reason: RejectReason | None = None
    detail: str = ""


PRESENT_FILES_SQL = (
    "SELECT f.id, d.volume FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
    " WHERE f.state != 'gone' AND v.away IS NULL"
)
COLUMNS = "id, state, size, mtime_ns, ctime_ns, inode"


def file_row(database: Database, directory: int, name: bytes) -> FileRow | None:
    """The row of a path."""
    row = database.row(f"SELECT {COLUMNS} FROM file WHERE directory = ? AND name = ?", directory, name)
    return None if row is None else FileRow(row[0], row[1], Signature(*row[2:]))


def record_sighting(database: Database, seen: Sighting, now: float) -> bool:
    """Record a sighting; True when something has to be read for it. One that the catalog cannot hold is rejected."""
    try:
        return _record_sighting(database, seen, now)
    except UnstorableValueError as fault:
        return _record_sighting(
            database, Sighting(seen.path, UNKNOWN_SIGNATURE, seen.due, RejectReason.UNREADABLE, fault.problem), now
        )


def _record_sighting(database: Database, seen: Sighting, now: float) -> bool:
    where, name = split_path(seen.path)
    try:
        directory = ensure_directory(database, where)
    except LookupError:
        return False  # a late hint from a root that was taken out of the configuration
    row = file_row(database, directory, name)
    if seen.reason is RejectReason.UNREADABLE:
        _reject_unreadable(database, directory, name, seen, row, now)
        return False
    step = action_for(seen.signature, row)
    if step is not SightingAction.READ:
        return row is not None and _update_unchanged(database, row, seen)
    if seen.reason is not None:
        _upsert_file(database, directory, name, seen, "rejected", now)
        # A link holds no bytes: were it to keep those of a file that it replaced, it would pass for a copy of them.
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
    """Nobody can look at it: it keeps what is known of it, and is tried again before long."""
    if row is None or row.state == "gone":
        _upsert_file(database, directory, name, seen, "rejected", now)
    database.run(
        "UPDATE file SET state = 'rejected', reason = ?, detail = ?, due = ? WHERE directory = ? AND name = ?"
        " AND (reason IS NOT ? OR due IS NULL)",
        *(seen.reason, seen.detail, now + retry_delay(0), directory, name, seen.reason),
    )


def _update_unchanged(database: Database, row: FileRow, seen: Sighting) -> bool:
    """Known bytes: follow a new inode, and let a writer's close hasten what its create had put off."""
    if row.signature.inode != seen.signature.inode:
        database.run("UPDATE file SET inode = ? WHERE id = ?", seen.signature.inode, row.id)
    hastened = row.state == "pending" and database.run(
        "UPDATE file SET due = ? WHERE id = ? AND due > ? AND attempts = 0", seen.due, row.id, seen.due
    )
    return bool(hastened)


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
    """Recognise a file that was moved here while nobody watched, by inode, size and mtime on one volume.

    Its history moves along. Its bytes are hashed once more, since nobody knows what happened to them out of sight;
    known bytes are not decoded or embedded again. The old path has to be free: where it still stands, this is a
    hard link and not a move.
    """
    size, mtime_ns, ctime_ns, inode = seen.signature
    # Asked first, since a new file as a rule has an inode of its own: the whole query takes three times as long.
    if database.value("SELECT 1 FROM file WHERE inode = ? LIMIT 1", inode) is None:
        return False
    for id_, path, old, volume in database.rows(
        "SELECT f.id, d.path, f.name, d.volume FROM file f JOIN directory d ON d.id = f.directory"
        " WHERE f.inode = ? AND f.size = ? AND f.mtime_ns = ? AND f.state IN ('ok', 'gone')"
        " AND EXISTS (SELECT 1 FROM vector WHERE content = f.content"
        " AND model = (SELECT id FROM model WHERE role = 'current'))"
        " AND d.volume = (SELECT volume FROM directory WHERE id = ?)",
        *(inode, size, mtime_ns, directory),
    ):
        if is_missing(join_path(path, old)) and volume_is_present(database, volume):
            database.run(
                "UPDATE file SET directory = ?, name = ?, ctime_ns = ?, state = 'pending', due = ? WHERE id = ?",
                *(directory, name, ctime_ns, seen.due, id_),
            )
            return True
    return False


def record_missing_path(database: Database, path: bytes, now: float) -> int:
    """A path is no longer there: it and all below it are gone, keeping all that hangs on their content."""
    return _declare_gone(database, _missing_files(database, path))


def record_missing_paths(database: Database, paths: list[bytes], now: float) -> int:
    """Record many losses; returns how many files are gone."""
    return _declare_gone(database, [row for path in paths for row in _missing_files(database, path)])


def _missing_files(database: Database, path: bytes) -> list[tuple[int, int]]:
    """Files (id, volume) that cannot be at `path` or below it any more, as it looks now.

    A directory may have taken a file's place, or a file or link that of a directory.
    """
    try:
        found = lstat_or_none(path)
    except OSError:
        return []
    rows: list[tuple[int, int]] = []
    directory = found is not None and file_kind(found) == "directory"
    if found is None or directory:
        rows += database.rows(PRESENT_FILES_SQL + " AND d.path = ? AND f.name = ?", *split_path(path))
    if not directory:
        low, high = subtree_range(path)
        rows += database.rows(PRESENT_FILES_SQL + " AND (d.path = ? OR (d.path >= ? AND d.path < ?))", path, low, high)
    return rows


def _declare_gone(database: Database, rows: list[tuple[int, int]]) -> int:
    """Declare files gone, but for those of a volume that is away by now: it is looked at after its files."""
    standing = {volume: volume_is_present(database, volume) for volume in {volume for _, volume in rows}}
    gone = [id_ for id_, volume in rows if standing[volume]]
    for id_ in gone:
        database.run(
            "UPDATE file SET state = 'gone', reason = NULL, detail = NULL, due = NULL, attempts = 0 WHERE id = ?",
            id_,
        )
    return len(gone)


def record_sightings(database: Database, batch: list[Sighting], now: float) -> int:
    """Record many sightings; returns how many have to be read."""
    return sum(record_sighting(database, seen, now) for seen in batch)
