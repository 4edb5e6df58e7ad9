"""Rows of files that a pattern of `ignore` excludes by now.

They are stored as gone, so that nothing counts or shows them, with a mark: nobody looks whether they exist. A scan that
sees one again, once the pattern was removed, reads it again; its labels and history stay throughout.
"""

from catalog.filesystem.paths import split_path, subtree_range
from catalog.store.database import Database

IGNORED = "ignored"  # the detail of such a row
IS_IGNORED = f"state = 'gone' AND detail = '{IGNORED}'"
MARK_SQL = (
    f"UPDATE file SET state = 'gone', reason = NULL, detail = '{IGNORED}', due = NULL, attempts = 0"
    " WHERE state != 'gone' AND "
)


def record_ignored_paths(database: Database, paths: list[bytes]) -> int:
    """Mark the files at and below these paths as ignored; return how many. Call inside a transaction."""
    marked = 0
    for path in paths:
        low, high = subtree_range(path)
        marked += database.run(
            MARK_SQL + "directory IN (SELECT id FROM directory WHERE path = ? OR (path >= ? AND path < ?))",
            *(path, low, high),
        )
        marked += database.run(
            MARK_SQL + "directory = (SELECT id FROM directory WHERE path = ?) AND name = ?", *split_path(path)
        )
    return marked


def ignored_directories(database: Database, volume: int) -> list[tuple[int, bytes]]:
    """Return the directories of a volume (id, path) with ignored files."""
    return database.rows(
        f"SELECT id, path FROM directory WHERE id IN (SELECT directory FROM file WHERE {IS_IGNORED}) AND volume = ?",
        volume,
    )


def ignored_files(database: Database, directory: int) -> list[tuple[int, bytes]]:
    """Return the ignored files (id, name) of a directory."""
    return database.rows(f"SELECT id, name FROM file WHERE directory = ? AND {IS_IGNORED}", directory)


def count_ignored(database: Database) -> int:
    """Count all ignored files."""
    return int(database.value(f"SELECT count(*) FROM file WHERE {IS_IGNORED}"))


def forget_ignored(database: Database, files: list[int]) -> None:
    """Declare ignored files gone: no pattern excludes them, and they do not exist. Call inside a transaction."""
    database.many(f"UPDATE file SET detail = NULL WHERE id = ? AND {IS_IGNORED}", [(id_,) for id_ in files])
