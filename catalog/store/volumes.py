"""Rows of volumes: create them, and record that a volume went away or came back."""

import os
from typing import NamedTuple

from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.paths import subtree_range
from catalog.filesystem.stat_signature import Nanoseconds, signature_at
from catalog.filesystem.volume_identity import VolumeObservation, absence_reason, observe_volume, volume_identity
from catalog.store.database import Database, Row
from catalog.store.directories import assign_subtree, innermost_volume, rebuild_tally
from catalog.store.events import record_event

COLUMNS = "id, root, path, kind, identity, away, since, missed, known, accepted"
SAMPLE_FILES = 32  # known files to check when a filesystem's identity changed
DROPPED = "not in the configuration"  # the reason for absence of a dropped root, and of all mounts inside it
RETURNED_BLOCK = "it could not be read before its root was dropped"  # until the next scan
# The state of a file as shown to its owner: those of an absent volume are unreachable or, by choice, dropped.
SHOWN_STATE_SQL = (
    "CASE WHEN v.away IS NULL OR f.state = 'gone' THEN f.state"
    f" WHEN v.away = '{DROPPED}' THEN 'dropped' ELSE 'unreachable' END"
)
NOT_DROPPED_SQL = f"v.away IS NOT '{DROPPED}'"


class Volume(NamedTuple):
    """A row. `missed`: known files that the scan which held the volume did not find, out of `known`.

    `root`: id of the root around it; None for a root. `away`: why it cannot be read; None if it can.
    `accepted`: how many missing files the owner gave up.
    """

    id: int
    root: int | None
    path: bytes
    kind: str
    identity: str
    away: str | None
    since: float
    missed: int | None
    known: int | None
    accepted: int | None

    @property
    def held(self) -> bool:
        """Whether a scan missed too many files to believe that all of them were deleted."""
        return self.missed is not None

    @property
    def dropped(self) -> bool:
        """Whether its owner took it out of the configuration. It keeps all data, and raises no alarm."""
        return self.away == DROPPED

    @property
    def in_place(self) -> bool:
        """Whether it can be read: present, or away only because it is held."""
        return self.away is None or (self.held and self.away == hold_reason(self.missed, self.known))

    def absence(self, seen: VolumeObservation) -> str:
        """Return why its files count as unreachable, given what was observed at its path; "" if they do not. Pure."""
        return absence_reason(self.kind, self.identity, seen) or hold_reason(self.missed, self.known)


def hold_reason(missed: int | None, known: int | None) -> str:
    """Return why a volume is held, for people; "" if it is not."""
    return "" if missed is None else f"a scan missed {missed:,} of {known or missed:,} files"


def volume_remedy(kind: str, held: bool) -> str:
    """Return what the owner can do about a volume that is away or held."""
    if kind == "blocked":
        return "Make it readable for this user."
    if held:
        return "Bring the files back, and the next scan releases it; or accept the loss: `catalog init` with its path."
    return (
        "Mount it again; or accept what is there now: `catalog init` with its path."
        " If it is elsewhere or no more: `catalog root rename` or `forget`."
    )


def all_volumes(database: Database) -> list[Volume]:
    """Return all volumes, outer ones first."""
    return [Volume(*row) for row in database.rows(f"SELECT {COLUMNS} FROM volume ORDER BY length(path), path")]


def adopt_volume(database: Database, path: bytes, kind: str, seen: VolumeObservation, now: float) -> None:
    """Accept what was observed at `path` as the volume. Call inside a transaction.

    A volume that cannot be read yet gets a row without identity, and is adopted when it first can be.
    """
    root = None if kind == "root" else _root_id(database, os.path.dirname(path))
    id_ = database.value(
        "INSERT INTO volume(root, path, kind, identity, away, since) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (path)"
        " DO UPDATE SET root = excluded.root, identity = excluded.identity, kind = excluded.kind, away = excluded.away,"
        " since = excluded.since RETURNING id",
        *(root, path, kind, "" if seen.problem else volume_identity(kind, seen), seen.problem or None, now),
    )
    if kind == "root":
        low, high = subtree_range(path)
        database.run("UPDATE volume SET root = ? WHERE kind != 'root' AND path >= ? AND path < ?", id_, low, high)
    assign_subtree(database, path, int(id_))
    record_event(database, now, "volume", path, f"{kind} known as {volume_identity(kind, seen)}")


def _root_id(database: Database, path: bytes) -> int | None:
    outer = innermost_volume(database, path)
    return outer if outer is None else (database.value("SELECT root FROM volume WHERE id = ?", outer) or outer)


def update_volume(database: Database, volume: Volume, seen: VolumeObservation, now: float) -> str:
    """Update a row from an observation; return "away", "back" or "". Call inside a transaction.

    A held volume stays held, whatever is mounted there: only a scan or its owner releases it.
    """
    row = database.row(f"SELECT {COLUMNS} FROM volume WHERE id = ?", volume.id)
    if row is None:
        return ""
    volume = Volume(*row)  # the scanner may have held it meanwhile
    away, mismatch = volume.absence(seen), absence_reason(volume.kind, volume.identity, seen)
    readable = not seen.problem and (seen.mounted or volume.kind == "root")
    if mismatch and readable and (not volume.identity or sample_matches(database, volume)):
        adopt_volume(database, volume.path, volume.kind, seen, now)
        away = hold_reason(volume.missed, volume.known)
    elif away == (volume.away or ""):
        return ""
    database.run("UPDATE volume SET away = ?, since = ? WHERE id = ?", away or None, now, volume.id)
    if volume.dropped:
        database.run(
            "UPDATE volume SET away = ? WHERE root = ? AND kind = 'blocked' AND away = ?",
            *(RETURNED_BLOCK, volume.id, DROPPED),
        )
    if away == (volume.away or ""):
        return ""
    record_event(database, now, "volume away" if away else "volume back", volume.path, away)
    if away:
        return "" if volume.away else "away"
    return "back"


def volume_is_present(database: Database, id_: int) -> bool:
    """Return whether the volume is mounted at its path now: on an absent one, a missing file proves nothing.

    A held volume counts as present: files that are seen on it exist.
    """
    row = database.row(
        "SELECT path, kind, identity FROM volume WHERE id = ? AND (away IS NULL OR missed IS NOT NULL)", id_
    )
    if row is None:
        return False
    path, kind, identity = row
    return not absence_reason(kind, identity, observe_volume(path, read_mounts()))


def sample_matches(database: Database, volume: Volume) -> bool:
    """Return whether most of a sample of known files are at their paths with the same size and mtime.

    This tells a copied disk, or a share with a new id after a restart, from another disk.
    """
    rows = sample_files(database, volume.id)
    return bool(rows) and 2 * sum(_file_matches(*row) for row in rows) > len(rows)


def sample_files(database: Database, volume: int) -> list[Row]:
    """Return path of the directory, name, size, mtime and inode of a few known files of a volume."""
    return database.rows(
        "SELECT d.path, f.name, f.size, f.mtime_ns, f.inode FROM file f JOIN directory d ON d.id = f.directory"
        " WHERE d.volume = ? AND f.state IN ('ok', 'rejected') ORDER BY f.inode LIMIT ?",
        *(volume, SAMPLE_FILES),
    )


def _file_matches(directory: bytes, name: bytes, size: int, mtime_ns: Nanoseconds, inode: int) -> bool:
    seen = signature_at(os.path.join(directory, name))
    return seen is not None and (seen.size, seen.mtime_ns) == (size, mtime_ns)


def block_directory(database: Database, path: bytes, problem: str, now: float) -> None:
    """Record that a directory cannot be read: files below it are unreachable, not gone. Call inside a transaction."""
    if innermost_volume(database, path) is None:
        return
    for kind, away in database.rows("SELECT kind, away FROM volume WHERE path = ?", path):
        if kind != "blocked" or away == problem:
            return
    id_ = database.value(
        "INSERT INTO volume(root, path, kind, identity, away, since) VALUES (?, ?, 'blocked', '', ?, ?)"
        " ON CONFLICT (path) DO UPDATE SET away = excluded.away, since = excluded.since RETURNING id",
        *(_root_id(database, path), path, problem, now),
    )
    assign_subtree(database, path, int(id_))
    record_event(database, now, "volume away", path, problem)


def dissolve_volume(database: Database, path: bytes, now: float, detail: str = "") -> None:
    """Return the directories of a mount or an unreadable directory to the volume around it, and delete its row.

    It can be read again, is gone, or is ignored by now. Call inside a transaction.
    """
    id_ = database.value("SELECT id FROM volume WHERE path = ? AND kind != 'root'", path)
    if id_ is None:
        return
    outer = innermost_volume(database, os.path.dirname(path))
    low, high = subtree_range(path)
    # By id, not by path: every directory of the volume must go to another one before its row is deleted.
    database.run("UPDATE directory SET volume = ? WHERE volume = ?", outer, id_)
    database.run("DELETE FROM volume WHERE id = ?", id_)
    rebuild_tally(database)
    record_event(database, now, "volume back", path, detail)
    # Blocked directories further down were hidden by this one; the next scan blocks them again if needed.
    for (inner,) in database.rows(
        "SELECT path FROM volume WHERE kind = 'blocked' AND path >= ? AND path < ?", low, high
    ):
        dissolve_volume(database, inner, now)


def move_volumes(database: Database, source: bytes, target: bytes) -> None:
    """Follow the rename of a directory with the mounts and blocked directories in it. Call inside a transaction."""
    low, high = subtree_range(source)
    for id_, path in database.rows(
        "SELECT id, path FROM volume WHERE kind != 'root' AND (path = ? OR (path >= ? AND path < ?))", source, low, high
    ):
        new_path = target + path[len(source) :]
        if database.value("SELECT 1 FROM volume WHERE path = ?", new_path) is None:
            database.run("UPDATE volume SET path = ? WHERE id = ?", new_path, id_)


def reassign_directories(database: Database, top: bytes) -> None:
    """Assign each directory of a subtree to the innermost volume around it. Call inside a transaction."""
    low, high = subtree_range(top)
    rows = database.rows(
        "SELECT id, path, volume FROM directory WHERE path = ? OR (path >= ? AND path < ?)", top, low, high
    )
    changed = [
        (inner, id_) for id_, path, volume in rows if (inner := innermost_volume(database, path)) not in (None, volume)
    ]
    database.many("UPDATE directory SET volume = ? WHERE id = ?", changed)
    if changed:
        rebuild_tally(database)
