"""Repair rows that refer to missing rows. SQLite never writes such rows; a catalog recovered from damage may have them.

They are deleted, or derived again from the disk. A deleted label comes back from the journal.
"""

import os
from collections.abc import Callable

from catalog.store.database import Database
from catalog.store.directories import innermost_volume

RowRepair = Callable[[Database, int, float], object]


def repair_dangling_rows(database: Database, now: float) -> int:
    """Repair all dangling rows; return how many there were. In a transaction; tally and refs must be rebuilt after."""
    found = {(table, parent, row) for table, row, parent, _ in database.rows("PRAGMA foreign_key_check")}
    for violated, repair in ROW_REPAIRS.items():
        for row in sorted(row for *foreign_key, row in found if tuple(foreign_key) == violated):
            repair(database, row, now)
    return len(found)


def _delete_row(table: str) -> RowRepair:
    return lambda database, row, now: database.run(f"DELETE FROM {table} WHERE rowid = ?", row)


def _delete_file_without_directory(database: Database, file: int, now: float) -> None:
    """Delete a file whose path is lost. If it still exists on a disk, the next scan finds it."""
    database.run("DELETE FROM history WHERE file = ?", file)
    database.run("DELETE FROM file WHERE id = ?", file)


def _reread_file_without_content(database: Database, file: int, now: float) -> None:
    database.run("UPDATE file SET content = NULL WHERE id = ?", file)
    database.run(
        "UPDATE file SET state = 'pending', reason = NULL, detail = NULL, due = ? WHERE id = ? AND state != 'gone'",
        *(now, file),
    )


def _reassign_directory_volume(database: Database, directory: int, now: float) -> None:
    path = database.value("SELECT path FROM directory WHERE id = ?", directory)
    volume = innermost_volume(database, path)
    if volume is not None:
        database.run("UPDATE directory SET volume = ? WHERE id = ?", volume, directory)
        return
    for (file,) in database.rows("SELECT id FROM file WHERE directory = ?", directory):
        _delete_file_without_directory(database, file, now)
    database.run("DELETE FROM directory WHERE id = ?", directory)


def _reassign_volume_root(database: Database, id_: int, now: float) -> None:
    path = database.value("SELECT path FROM volume WHERE id = ?", id_)
    outer = innermost_volume(database, os.path.dirname(path))
    root = None if outer is None else database.value("SELECT coalesce(root, id) FROM volume WHERE id = ?", outer)
    database.run("UPDATE volume SET root = ? WHERE id = ?", root, id_)


# By (table, parent), in this order: children before their parents.
ROW_REPAIRS: dict[tuple[str, str], RowRepair] = {
    ("history", "file"): _delete_row("history"),
    ("history", "content"): _delete_row("history"),
    ("vector", "content"): _delete_row("vector"),
    ("vector", "model"): _delete_row("vector"),
    ("wording", "model"): _delete_row("wording"),
    ("label", "content"): _delete_row("label"),
    ("volume", "volume"): _reassign_volume_root,
    ("directory", "volume"): _reassign_directory_volume,
    ("file", "directory"): _delete_file_without_directory,
    ("file", "content"): _reread_file_without_content,
}
