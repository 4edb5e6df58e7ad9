"""What was seen on disk, written into the catalog. All of it inside the writer's transaction.

Scans and hints come here with possibly old knowledge; the decision is made again against the row as it is now,
so a message that comes twice, late or out of order does no harm.
"""

from typing import NamedTuple

from catalog.errors import RowFault
from catalog.files.decision import Known, Step, back_off, plan
from catalog.filesystem.paths import below, join, split
from catalog.filesystem.stat_signature import UNSEEN, Signature, kind, look, vanished
from catalog.store.database import Database
from catalog.store.directories import make_directory
from catalog.store.volumes import stands
from models.decode.reason import Reason


class Seen(NamedTuple):
    """A regular file, or with `reason` something that is not read (a link, a device, what nobody can look at)."""

    path: bytes
    signature: Signature
    due: float  # seconds since the epoch: read it not before then
    reason: Reason | None = None
    detail: str = ""


HELD = (
    "SELECT f.id, d.volume FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
    " WHERE f.state != 'gone' AND v.away IS NULL"
)
COLUMNS = "id, state, size, mtime_ns, ctime_ns, inode"


def known(database: Database, directory: int, name: bytes) -> Known | None:
    """The row of a path."""
    row = database.row(f"SELECT {COLUMNS} FROM file WHERE directory = ? AND name = ?", directory, name)
    return None if row is None else Known(row[0], row[1], Signature(*row[2:]))


def see(database: Database, seen: Seen, now: float) -> bool:
    """Record a sighting; True when something has to be read for it. One that the catalog cannot hold is rejected."""
    try:
        return _see(database, seen, now)
    except RowFault as fault:
        return _see(database, Seen(seen.path, UNSEEN, seen.due, Reason.UNREADABLE, fault.problem), now)


def _see(database: Database, seen: Seen, now: float) -> bool:
    where, name = split(seen.path)
    try:
        directory = make_directory(database, where)
    except LookupError:
        return False  # a late hint from a root that was taken out of the configuration
    row = known(database, directory, name)
    if seen.reason is Reason.UNREADABLE:
        _sicken(database, directory, name, seen, row, now)
        return False
    step = plan(seen.signature, row)
    if step is not Step.READ:
        return row is not None and _stand(database, row, seen)
    if seen.reason is not None:
        _put(database, directory, name, seen, "rejected", now)
        # A link holds no bytes: were it to keep those of a file that it replaced, it would pass for a copy of them.
        database.run(
            "UPDATE file SET content = NULL, last_verified = NULL WHERE directory = ? AND name = ?", directory, name
        )
        return False
    if row is None and _followed(database, directory, name, seen):
        return True
    _put(database, directory, name, seen, "pending", now)
    return True


def _sicken(database: Database, directory: int, name: bytes, seen: Seen, row: Known | None, now: float) -> None:
    """Nobody can look at it: it keeps what is known of it, and is tried again before long."""
    if row is None or row.state == "gone":
        _put(database, directory, name, seen, "rejected", now)
    database.run(
        "UPDATE file SET state = 'rejected', reason = ?, detail = ?, due = ? WHERE directory = ? AND name = ?"
        " AND (reason IS NOT ? OR due IS NULL)",
        *(seen.reason, seen.detail, now + back_off(0), directory, name, seen.reason),
    )


def _stand(database: Database, row: Known, seen: Seen) -> bool:
    """Known bytes: follow a new inode, and let a writer's close hasten what its create had put off."""
    if row.signature.inode != seen.signature.inode:
        database.run("UPDATE file SET inode = ? WHERE id = ?", seen.signature.inode, row.id)
    hastened = row.state == "pending" and database.run(
        "UPDATE file SET due = ? WHERE id = ? AND due > ? AND attempts = 0", seen.due, row.id, seen.due
    )
    return bool(hastened)


def _put(database: Database, directory: int, name: bytes, seen: Seen, state: str, now: float) -> None:
    due = seen.due if state == "pending" else None
    database.run(
        "INSERT INTO file(directory, name, size, mtime_ns, ctime_ns, inode, state, reason, detail, due, first_seen)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (directory, name) DO UPDATE SET"
        " size = excluded.size, mtime_ns = excluded.mtime_ns, ctime_ns = excluded.ctime_ns, inode = excluded.inode,"
        " state = excluded.state, reason = excluded.reason, detail = excluded.detail, due = excluded.due, attempts = 0,"
        " betrayed = 0",
        *(directory, name, *seen.signature, state, seen.reason, seen.detail or None, due, now),
    )


def _followed(database: Database, directory: int, name: bytes, seen: Seen) -> bool:
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
        if vanished(join(path, old)) and stands(database, volume):
            database.run(
                "UPDATE file SET directory = ?, name = ?, ctime_ns = ?, state = 'pending', due = ? WHERE id = ?",
                *(directory, name, ctime_ns, seen.due, id_),
            )
            return True
    return False


def miss(database: Database, path: bytes, now: float) -> int:
    """A path is no longer there: it and all below it are gone, keeping all that hangs on their content."""
    return _end(database, _lost(database, path))


def miss_all(database: Database, paths: list[bytes], now: float) -> int:
    """Record many losses; returns how many files are gone."""
    return _end(database, [row for path in paths for row in _lost(database, path)])


def _lost(database: Database, path: bytes) -> list[tuple[int, int]]:
    """Files (id, volume) that cannot be at `path` or below it any more, as it looks now.

    A directory may have taken a file's place, or a file or link that of a directory.
    """
    try:
        found = look(path)
    except OSError:
        return []
    rows: list[tuple[int, int]] = []
    directory = found is not None and kind(found) == "directory"
    if found is None or directory:
        rows += database.rows(HELD + " AND d.path = ? AND f.name = ?", *split(path))
    if not directory:
        low, high = below(path)
        rows += database.rows(HELD + " AND (d.path = ? OR (d.path >= ? AND d.path < ?))", path, low, high)
    return rows


def _end(database: Database, rows: list[tuple[int, int]]) -> int:
    """Declare files gone, but for those of a volume that is away by now: it is looked at after its files."""
    standing = {volume: stands(database, volume) for volume in {volume for _, volume in rows}}
    gone = [id_ for id_, volume in rows if standing[volume]]
    for id_ in gone:
        database.run(
            "UPDATE file SET state = 'gone', reason = NULL, detail = NULL, due = NULL, attempts = 0 WHERE id = ?",
            id_,
        )
    return len(gone)


def see_all(database: Database, batch: list[Seen], now: float) -> int:
    """Record many sightings; returns how many have to be read."""
    return sum(see(database, seen, now) for seen in batch)
