"""Directories and volumes as rows: looking them up, making them, moving them."""

from catalog.filesystem.paths import at_or_inside, subtree_range
from catalog.store.database import Database


def directory_id(database: Database, path: bytes) -> int | None:
    """The row of a directory, if it has one."""
    found = database.value("SELECT id FROM directory WHERE path = ?", path)
    return None if found is None else int(found)


def innermost_volume(database: Database, path: bytes) -> int | None:
    """The innermost volume that holds `path`; None outside all roots."""
    best: tuple[int, int] | None = None
    for id_, where in database.rows("SELECT id, path FROM volume"):
        if at_or_inside(path, where) and (best is None or len(where) > best[0]):
            best = (len(where), id_)
    return None if best is None else best[1]


def ensure_directory(database: Database, path: bytes, volume: int | None = None) -> int:
    """The row of a directory, made if need be. Inside a transaction.

    Raises LookupError outside all roots.
    """
    found = directory_id(database, path)
    if found is not None:
        return found
    volume = innermost_volume(database, path) if volume is None else volume
    if volume is None:
        raise LookupError(path)
    return int(database.value("INSERT INTO directory(volume, path) VALUES (?, ?) RETURNING id", volume, path))


def assign_subtree(database: Database, path: bytes, volume: int) -> None:
    """Give a subtree to a volume, but for the volumes further down. Inside a transaction."""
    low, high = subtree_range(path)
    moved = database.run(
        "UPDATE directory SET volume = ? WHERE (path = ? OR (path >= ? AND path < ?)) AND volume != ?"
        " AND volume NOT IN (SELECT id FROM volume WHERE path >= ? AND path < ?)",
        *(volume, path, low, high, volume, low, high),
    )
    if moved:
        rebuild_tally(database)


def rebuild_tally(database: Database) -> None:
    """Make the tally from the rows: only for the rare change that the triggers do not follow."""
    database.run("DELETE FROM tally")
    database.run(
        "INSERT INTO tally SELECT d.volume, f.state, coalesce(f.reason, ''), count(*)"
        " FROM file f JOIN directory d ON d.id = f.directory GROUP BY 1, 2, 3"
    )
