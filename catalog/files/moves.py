"""A rename that was watched, written into the catalog: rows change their place and keep all that hangs on them.

All of it inside the writer's transaction.
"""

import os

from catalog.files.observe import Sighting, file_row, record_missing_path, record_sighting
from catalog.filesystem.paths import join_path, split_path, subtree_range
from catalog.filesystem.stat_signature import Signature, is_missing, lstat_or_none, signature_of
from catalog.store.database import Database
from catalog.store.directories import directory_id, ensure_directory
from catalog.store.volumes import move_volumes, reassign_directories
from catalog.verdict.case import VerdictKind


def move_file_row(database: Database, source: bytes, target: bytes, now: float) -> bool:
    """A rename that was watched. True when it was carried over without a read."""
    try:
        found = lstat_or_none(target)
    except OSError:
        return False
    if found is None or not is_missing(source) or not os.access(target, os.R_OK):
        return False  # a rename hides the change of ctime by which a chmod before it would show
    where, name = split_path(source)
    directory = directory_id(database, where)
    row = None if directory is None else file_row(database, directory, name)
    seen = signature_of(found)
    if row is None or row.state not in ("ok", "rejected") or not _is_same_file(row.signature, seen):
        return False
    goal, fresh = split_path(target)
    to = ensure_directory(database, goal)
    if file_row(database, to, fresh) is None:
        database.run("UPDATE file SET directory = ?, name = ?, ctime_ns = ? WHERE id = ?", to, fresh, seen[2], row.id)
    else:
        _take_over_row(database, row.id, to, fresh, seen, now)
    return True


def _is_same_file(old: Signature, new: Signature) -> bool:
    return (old.size, old.mtime_ns, old.inode) == (new.size, new.mtime_ns, new.inode)


def _take_over_row(database: Database, source: int, directory: int, name: bytes, seen: Signature, now: float) -> None:
    """The target has a row of its own: that path keeps its history, and takes the content over."""
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
    database.run("UPDATE file SET state = 'gone', reason = NULL, detail = NULL, due = NULL WHERE id = ?", source)


def move_directory_rows(database: Database, source: bytes, target: bytes, now: float) -> int:
    """A directory was renamed: one row for each directory below it changes, whatever they hold."""
    if is_missing(target) or not is_missing(source):
        return 0
    low, high = subtree_range(source)
    moved = database.rows(
        "SELECT id, path FROM directory WHERE path = ? OR (path >= ? AND path < ?)", source, low, high
    )
    move_volumes(database, source, target)
    for id_, path in moved:
        goal = target + path[len(source) :]
        if directory_id(database, goal) is None:
            database.run("UPDATE directory SET path = ? WHERE id = ?", goal, id_)
            continue
        for (name,) in database.rows("SELECT name FROM file WHERE directory = ? AND state != 'gone'", id_):
            move_file_row(database, join_path(path, name), join_path(goal, name), now)
    reassign_directories(database, target)
    return len(moved)


def apply_file_rename(database: Database, source: bytes, seen: Sighting | None, target: bytes, now: float) -> None:
    """A file was renamed: carried over without a read where that is certain, else one path ends and one begins."""
    if move_file_row(database, source, target, now):
        return
    if seen is not None:
        record_sighting(database, seen, now)
    record_missing_path(database, source, now)
