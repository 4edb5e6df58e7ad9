"""Rows of directories: find them, create them, and assign them to volumes."""

from catalog.filesystem.paths import at_or_inside, subtree_range
from catalog.store.database import Database


def directory_id(database: Database, path: bytes) -> int | None:
    """Return the id of a directory's row, or None."""
    id_ = database.value("SELECT id FROM directory WHERE path = ?", path)
    return None if id_ is None else int(id_)


def innermost_volume(database: Database, path: bytes) -> int | None:
    """Return the id of the innermost volume that holds `path`; None outside all roots."""
    innermost: int | None = None
    longest = -1
    for id_, mount_point in database.rows("SELECT id, path FROM volume"):
        if len(mount_point) > longest and at_or_inside(path, mount_point):
            innermost, longest = id_, len(mount_point)
    return innermost


def ensure_directory(database: Database, path: bytes, volume: int | None = None) -> int:
    """Return the id of a directory's row, created if needed. In a transaction. Raises LookupError outside all roots."""
    known = directory_id(database, path)
    if known is not None:
        return known
    volume = innermost_volume(database, path) if volume is None else volume
    if volume is None:
        raise LookupError(path)
    return int(database.value("INSERT INTO directory(volume, path) VALUES (?, ?) RETURNING id", volume, path))


def assign_subtree(database: Database, path: bytes, volume: int) -> None:
    """Assign a subtree to a volume, except volumes further down. Call inside a transaction."""
    low, high = subtree_range(path)
    moved = database.run(
        "UPDATE directory SET volume = ? WHERE (path = ? OR (path >= ? AND path < ?)) AND volume != ?"
        " AND volume NOT IN (SELECT id FROM volume WHERE path >= ? AND path < ?)",
        *(volume, path, low, high, volume, low, high),
    )
    if moved:
        rebuild_tally(database)


def rebuild_tally(database: Database) -> None:
    """Recount the tally from all rows, after one of the rare changes that the triggers do not cover."""
    database.run("DELETE FROM tally")
    database.run(
        "INSERT INTO tally SELECT d.volume, f.state, coalesce(f.reason, ''), count(*)"
        " FROM file f JOIN directory d ON d.id = f.directory GROUP BY 1, 2, 3"
    )
