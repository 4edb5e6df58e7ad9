"""Roots that their owner drops, takes back, moves or joins: rows of volumes and directories follow, files are not read.

Call the functions that change rows inside a transaction.
"""

import os
from collections.abc import Collection

from catalog.filesystem.mounts import Mount
from catalog.filesystem.paths import subtree_range
from catalog.filesystem.stat_signature import signature_at
from catalog.filesystem.volume_identity import (
    MARKER_NAME,
    VolumeObservation,
    absence_reason,
    observe_volume,
    volume_identity,
)
from catalog.formatting import printable_text
from catalog.store.database import Database
from catalog.store.directories import innermost_volume, rebuild_tally
from catalog.store.events import record_event
from catalog.store.volumes import DROPPED, Volume, all_volumes, sample_files

# Of the volume and of the mounts and blocked directories inside it.
INNER_VOLUMES_SQL = "volume IN (SELECT id FROM volume WHERE id = ? OR root = ?)"
# `||` gives text of the same bytes. Parameters: the old path, the new path, the new path as a prefix, 1 + length of the
# old one as a prefix.
NEW_PATH_SQL = "CASE WHEN path = ? THEN ? ELSE CAST(? || substr(path, ?) AS BLOB) END"


def drop_root(database: Database, root: Volume, now: float) -> None:
    """Record that a root was taken out of the configuration. Its files keep all they have; no row changes."""
    if database.run(
        "UPDATE volume SET away = ?, since = ? WHERE (id = ? OR root = ?) AND away IS NOT ?",
        *(DROPPED, now, root.id, root.id, DROPPED),
    ):
        record_event(database, now, "root dropped", root.path)
    _delete_empty_volumes(database, "id = ? OR root = ?", root.id, root.id)


def moved_root(
    database: Database, path: bytes, seen: VolumeObservation, configured: Collection[bytes], mounts: list[Mount]
) -> Volume | None:
    """Return the known root that is now at `path`; None if there is none.

    A root that is no longer configured has moved to wherever its marker is. One that is configured, but not in its
    place, has moved if its very files are at the new path: a copied disk has the same marker, but other inodes. Where
    there is no marker, the filesystem has to be the same one, too.
    """
    if seen.problem:
        return None
    identity = volume_identity("root", seen)
    for volume in all_volumes(database):
        if volume.kind == "root" and volume.path != path and volume.identity == identity:
            is_configured = volume.path in configured
            absent = absence_reason("root", identity, observe_volume(volume.path, mounts)) != ""
            if is_configured and not absent:
                continue
            if (seen.marker and not is_configured) or _sample_is_at(database, volume, path):
                return volume
    return None


def is_same_root(database: Database, root: Volume, path: bytes, mounts: list[Mount]) -> bool:
    """Return whether `path` has the marker of a root, or most of its files with the same size and mtime."""
    same_identity = volume_identity("root", observe_volume(path, mounts)) == root.identity
    if root.identity.startswith("marker=") and same_identity:
        return True
    return _sample_is_at(database, root, path, same_inode=False) or (
        same_identity and not sample_files(database, root.id)
    )


def _sample_is_at(database: Database, volume: Volume, path: bytes, same_inode: bool = True) -> bool:
    """Return whether most of a sample of known files are below `path`, with the same size and mtime."""
    rows = sample_files(database, volume.id)
    top = len(volume.path.rstrip(b"/"))
    matching = 0
    for directory, name, size, mtime_ns, inode in rows:
        found = signature_at(os.path.join(path.rstrip(b"/") + directory[top:], name))
        if found is not None and (found.size, found.mtime_ns) == (size, mtime_ns):
            matching += found.inode == inode or not same_inode
    return 2 * matching > len(rows)


def move_root(database: Database, root: Volume, path: bytes, now: float) -> bool:
    """Give a root and all that is known below it a new path; return False if other files are known there."""
    if not _make_room(database, root, path):
        return False
    low, _ = subtree_range(root.path)
    old, new = root.path.rstrip(b"/"), path.rstrip(b"/")
    steps = [(root.path, path, old, new)]
    if subtree_range(path)[0].startswith(low) or low.startswith(subtree_range(path)[0]):
        # One path is inside the other. Names that no path can have keep the paths unique in between.
        aside = b"\0" + root.path
        steps = [(root.path, aside, old, b"\0" + old), (aside, path, b"\0" + old, new)]
    for source, target, source_stem, target_stem in steps:
        values = (source, target, target_stem, len(source_stem) + 1)
        database.run(f"UPDATE directory SET path = {NEW_PATH_SQL} WHERE {INNER_VOLUMES_SQL}", *values, root.id, root.id)
        database.run(f"UPDATE volume SET path = {NEW_PATH_SQL} WHERE id = ? OR root = ?", *values, root.id, root.id)
    database.run("UPDATE volume SET since = ? WHERE id = ?", now, root.id)
    record_event(database, now, "root moved", path, f"from {os.fsdecode(root.path)!r}")
    return True


def _make_room(database: Database, root: Volume, path: bytes) -> bool:
    """Delete an empty row at the new path; return whether no other volume knows anything at or below it."""
    low, high = subtree_range(path)
    below = "(path = ? OR (path >= ? AND path < ?))"
    if database.row(
        f"SELECT 1 FROM directory WHERE {below} AND NOT {INNER_VOLUMES_SQL} LIMIT 1",
        *(path, low, high, root.id, root.id),
    ):
        return False
    others, values = f"{below} AND id != ? AND root IS NOT ?", (path, low, high, root.id, root.id)
    _delete_empty_volumes(database, others, *values)
    return database.row(f"SELECT 1 FROM volume WHERE {others}", *values) is None


def delete_counted_files(database: Database, volume: int, directory: int, files: int) -> None:
    """Take deleted files, which were gone, out of the counts, and delete their directory once it is empty."""
    database.run(
        "UPDATE tally SET files = files - ? WHERE volume = ? AND state = 'gone' AND reason = ''", files, volume
    )
    database.run(
        "DELETE FROM directory WHERE id = ? AND NOT EXISTS (SELECT 1 FROM file WHERE directory = ?)",
        *(directory, directory),
    )


def delete_root(database: Database, root: Volume, now: float) -> None:
    """Delete a root and the mounts inside it, after all of their files are deleted."""
    database.run(f"DELETE FROM directory WHERE {INNER_VOLUMES_SQL}", root.id, root.id)
    for counts in ("tally", "intake"):
        database.run(f"DELETE FROM {counts} WHERE {INNER_VOLUMES_SQL}", root.id, root.id)
    database.run("DELETE FROM volume WHERE root = ?", root.id)
    database.run("DELETE FROM volume WHERE id = ?", root.id)
    record_event(database, now, "root forgotten", root.path)


def _delete_empty_volumes(database: Database, condition: str, *values: object) -> None:
    """Delete the volumes that meet an SQL condition and of which no directory is known, inner ones first."""
    for (id_,) in database.rows(
        f"SELECT id FROM volume v WHERE ({condition})"
        " AND NOT EXISTS (SELECT 1 FROM directory WHERE volume = v.id) ORDER BY root IS NULL",
        *values,
    ):
        if database.row("SELECT 1 FROM volume WHERE root = ?", id_) is None:
            database.run("DELETE FROM volume WHERE id = ?", id_)


def join_root(database: Database, root: Volume, now: float) -> None:
    """Give the directories of a root to the root around it, which the configuration names instead."""
    outer = innermost_volume(database, os.path.dirname(root.path))
    top = database.value("SELECT coalesce(root, id) FROM volume WHERE id = ?", outer)
    database.run("UPDATE directory SET volume = ? WHERE volume = ?", outer, root.id)
    database.run("UPDATE volume SET root = ? WHERE root = ?", top, root.id)
    database.run(
        "INSERT INTO intake SELECT ?, day, files, damaged FROM intake WHERE volume = ? ON CONFLICT DO UPDATE SET"
        " files = files + excluded.files, damaged = damaged + excluded.damaged",
        *(outer, root.id),
    )
    database.run("DELETE FROM intake WHERE volume = ?", root.id)
    database.run("DELETE FROM volume WHERE id = ?", root.id)
    rebuild_tally(database)
    record_event(database, now, "root joined", root.path)


def same_marker_text(other: str) -> str:
    """Return what the owner should know about a root that shares its marker with another."""
    return (
        f"has the same marker as {printable_text(other)}, so an exchange of the two would not be noticed: if it is a"
        f" copy, delete {MARKER_NAME.decode()} in it and run `catalog init` with its path"
    )


def same_marker_paths(volumes: list[Volume]) -> dict[bytes, bytes]:
    """Return, for each present root that shares its marker with others, the path of one of them. Pure.

    A copied disk has the marker of its original: an exchange of the two would go unnoticed.
    """
    by_identity: dict[str, list[bytes]] = {}
    for volume in volumes:
        if volume.kind == "root" and volume.away is None and volume.identity.startswith("marker="):
            by_identity.setdefault(volume.identity, []).append(volume.path)
    shared = (paths for paths in by_identity.values() if len(paths) > 1)
    return {path: paths[paths[0] == path] for paths in shared for path in paths}
