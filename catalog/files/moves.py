"""Follow watched renames, inside the writer's transaction: rows get a new path and keep everything else."""

import os

from catalog.files.observe import Sighting, file_row, is_missing, record_missing_path, record_sighting
from catalog.files.results import declare_gone
from catalog.filesystem.paths import join_path, split_path, subtree_range
from catalog.filesystem.stat_signature import Signature, signature_at
from catalog.store.database import Database
from catalog.store.directories import directory_id, ensure_directory
from catalog.store.volumes import move_volumes, reassign_directories
from catalog.verdict.case import VerdictKind


def move_file_row(database: Database, source: bytes, target: bytes, now: float) -> bool:
    """Follow the rename of a file; return False if the file has to be read instead."""
    seen = signature_at(target)
    if seen is None or not is_missing(database, source) or not os.access(target, os.R_OK):
        return False  # an unreadable file: a rename changes ctime, and so hides a chmod shortly before it
    folder, name = split_path(source)
    directory = directory_id(database, folder)
    row = None if directory is None else file_row(database, directory, name)
    if row is None or row.state not in ("ok", "rejected") or not _is_same_file(row.signature, seen):
        return False
    new_folder, new_name = split_path(target)
    new_directory = ensure_directory(database, new_folder)
    if file_row(database, new_directory, new_name) is None:
        database.run(
            "UPDATE file SET directory = ?, name = ?, ctime_ns = ? WHERE id = ?",
            *(new_directory, new_name, seen.ctime_ns, row.id),
        )
    else:
        _replace_row(database, row.id, new_directory, new_name, seen, now)
    return True


def _is_same_file(old: Signature, new: Signature) -> bool:
    return (old.size, old.mtime_ns, old.inode) == (new.size, new.mtime_ns, new.inode)


def _replace_row(database: Database, source: int, directory: int, name: bytes, seen: Signature, now: float) -> None:
    """Move the content to the existing row of the target path, which keeps its history."""
    database.run(
        "UPDATE file SET (content, state, reason, detail, due, attempts, last_verified, size, mtime_ns, inode)"
        " = (SELECT content, state, reason, detail, due, attempts, last_verified, size, mtime_ns, inode"
        " FROM file WHERE id = ?), ctime_ns = ?, betrayed = 0 WHERE directory = ? AND name = ?",
        *(source, seen.ctime_ns, directory, name),
    )
    database.run(
        "INSERT INTO history(file, content, size, mtime_ns, seen_at, verdict)"
        " SELECT id, content, size, mtime_ns, ?, ? FROM file"
        " WHERE directory = ? AND name = ? AND content IS NOT NULL",
        *(now, VerdictKind.MOVED, directory, name),
    )
    declare_gone(database, source)


def move_directory_rows(database: Database, source: bytes, target: bytes, now: float) -> int:
    """Follow the rename of a directory by updating one row per directory below it; return how many there were."""
    if is_missing(database, target) or not is_missing(database, source):
        return 0
    low, high = subtree_range(source)
    moved = database.rows(
        "SELECT id, path FROM directory WHERE path = ? OR (path >= ? AND path < ?)", source, low, high
    )
    move_volumes(database, source, target)
    for id_, path in moved:
        new_path = target + path[len(source) :]
        if directory_id(database, new_path) is None:
            database.run("UPDATE directory SET path = ? WHERE id = ?", new_path, id_)
            continue
        for (name,) in database.rows("SELECT name FROM file WHERE directory = ? AND state != 'gone'", id_):
            move_file_row(database, join_path(path, name), join_path(new_path, name), now)
    reassign_directories(database, target)
    return len(moved)


def apply_file_rename(database: Database, source: bytes, seen: Sighting | None, target: bytes, now: float) -> None:
    """Follow the rename of a file. If the bytes may have changed, record a new path and a missing one instead."""
    if move_file_row(database, source, target, now):
        return
    if seen is not None:
        record_sighting(database, seen, now)
    record_missing_path(database, source, now)
