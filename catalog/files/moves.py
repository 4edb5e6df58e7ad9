"""A rename that was watched, written into the catalog: rows change their place and keep all that hangs on them.

All of it inside the writer's transaction.
"""

import os

from catalog.files.observe import Seen, known, miss, see
from catalog.filesystem.paths import below, join, split
from catalog.filesystem.stat_signature import Signature, look, signature, vanished
from catalog.store.database import Database
from catalog.store.directories import directory_id, make_directory
from catalog.store.volumes import carry_volumes, replace
from catalog.verdict.case import Word


def move(database: Database, source: bytes, target: bytes, now: float) -> bool:
    """A rename that was watched. True when it was carried over without a read."""
    try:
        found = look(target)
    except OSError:
        return False
    if found is None or not vanished(source) or not os.access(target, os.R_OK):
        return False  # a rename hides the change of ctime by which a chmod before it would show
    where, name = split(source)
    directory = directory_id(database, where)
    row = None if directory is None else known(database, directory, name)
    seen = signature(found)
    if row is None or row.state not in ("ok", "rejected") or not _same(row.signature, seen):
        return False
    goal, fresh = split(target)
    to = make_directory(database, goal)
    if known(database, to, fresh) is None:
        database.run("UPDATE file SET directory = ?, name = ?, ctime_ns = ? WHERE id = ?", to, fresh, seen[2], row.id)
    else:
        _take_over(database, row.id, to, fresh, seen, now)
    return True


def _same(old: Signature, new: Signature) -> bool:
    return (old.size, old.mtime_ns, old.inode) == (new.size, new.mtime_ns, new.inode)


def _take_over(database: Database, source: int, directory: int, name: bytes, seen: Signature, now: float) -> None:
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
        *(now, Word.MOVED, directory, name),
    )
    database.run("UPDATE file SET state = 'gone', reason = NULL, detail = NULL, due = NULL WHERE id = ?", source)


def move_directory(database: Database, source: bytes, target: bytes, now: float) -> int:
    """A directory was renamed: one row for each directory below it changes, whatever they hold."""
    if vanished(target) or not vanished(source):
        return 0
    low, high = below(source)
    moved = database.rows(
        "SELECT id, path FROM directory WHERE path = ? OR (path >= ? AND path < ?)", source, low, high
    )
    carry_volumes(database, source, target)
    for id_, path in moved:
        goal = target + path[len(source) :]
        if directory_id(database, goal) is None:
            database.run("UPDATE directory SET path = ? WHERE id = ?", goal, id_)
            continue
        for (name,) in database.rows("SELECT name FROM file WHERE directory = ? AND state != 'gone'", id_):
            move(database, join(path, name), join(goal, name), now)
    replace(database, target)
    return len(moved)


def carry(database: Database, source: bytes, seen: Seen | None, target: bytes, now: float) -> None:
    """A file was renamed: carried over without a read where that is certain, else one path ends and one begins."""
    if move(database, source, target, now):
        return
    if seen is not None:
        see(database, seen, now)
    miss(database, source, now)
