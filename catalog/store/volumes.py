"""The rows of volumes: making them, and telling that one went away or came back."""

import os
from typing import NamedTuple

from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.paths import subtree_range
from catalog.filesystem.stat_signature import signature_of
from catalog.filesystem.volume_identity import VolumeObservation, absence_reason, observe_volume, volume_identity
from catalog.store.database import Database, Row
from catalog.store.directories import assign_subtree, innermost_volume, rebuild_tally
from catalog.store.events import record_event

COLUMNS = "id, root, path, kind, identity, away, since, missed, known, accepted"
SAMPLE_FILES = 32  # known files to look at when a filesystem's identity changed


class Volume(NamedTuple):
    """One row."""

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
        """Whether the brake holds it: a scan missed too much of it to believe that all of that was deleted."""
        return self.missed is not None

    @property
    def in_place(self) -> bool:
        """Whether it can be looked at: present, or away for no other reason than that it is held."""
        return self.away is None or (self.held and self.away == hold_reason(self.missed, self.known))

    def absence(self, seen: VolumeObservation) -> str:
        """Why its files count as unreachable, given what stands at its path; "" if they do not. Pure."""
        return absence_reason(self.kind, self.identity, seen) or hold_reason(self.missed, self.known)


def hold_reason(missed: int | None, known: int | None) -> str:
    """What is said of a volume that is held; "" of one that is not."""
    return "" if missed is None else f"a scan missed {missed:,} of {known or missed:,} files"


def volume_remedy(kind: str, held: bool) -> str:
    """What the owner can do about a volume that is away or held."""
    if kind == "blocked":
        return "Let this user read it."
    if held:
        return "Bring the files back and the next scan releases it, or accept the loss: `catalog init` with its path."
    return "Mount it again; or accept what stands there now with `catalog init` and its path."


def all_volumes(database: Database) -> list[Volume]:
    """All volumes, outer ones first."""
    return [Volume(*row) for row in database.rows(f"SELECT {COLUMNS} FROM volume ORDER BY length(path), path")]


def adopt_volume(database: Database, path: bytes, kind: str, seen: VolumeObservation, now: float) -> None:
    """Take what stands at `path` now for the volume. Inside a transaction.

    What cannot be read yet gets a row without identity, and is adopted when it first can.
    """
    root = None if kind == "root" else _root_id(database, path)
    id_ = database.value(
        "INSERT INTO volume(root, path, kind, identity, away, since) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (path)"
        " DO UPDATE SET identity = excluded.identity, kind = excluded.kind, away = excluded.away,"
        " since = excluded.since RETURNING id",
        *(root, path, kind, "" if seen.problem else volume_identity(kind, seen), seen.problem or None, now),
    )
    if kind != "root":
        assign_subtree(database, path, int(id_))
    record_event(database, now, "volume", path, f"{kind} known as {volume_identity(kind, seen)}")


def _root_id(database: Database, path: bytes) -> int | None:
    outer = innermost_volume(database, path)
    return outer if outer is None else (database.value("SELECT root FROM volume WHERE id = ?", outer) or outer)


def update_volume(database: Database, volume: Volume, seen: VolumeObservation, now: float) -> str:
    """Bring one row up to what was observed; returns "away", "back" or "". Inside a transaction.

    A volume that is held stays held, whatever is mounted there: only a scan or its owner ends that.
    """
    row = database.row(f"SELECT {COLUMNS} FROM volume WHERE id = ?", volume.id)
    if row is None:
        return ""
    volume = Volume(*row)  # the scanner may have held it since
    away, wrong = volume.absence(seen), absence_reason(volume.kind, volume.identity, seen)
    readable = not seen.problem and (seen.mounted or volume.kind == "root")
    if wrong and readable and (not volume.identity or sample_matches(database, volume)):
        adopt_volume(database, volume.path, volume.kind, seen, now)
        away = hold_reason(volume.missed, volume.known)
    elif away == (volume.away or ""):
        return ""
    database.run("UPDATE volume SET away = ?, since = ? WHERE id = ?", away or None, now, volume.id)
    if away == (volume.away or ""):
        return ""
    record_event(database, now, "volume away" if away else "volume back", volume.path, away)
    if away:
        return "" if volume.away else "away"
    return "back"


def retire_volume(database: Database, volume: Volume, now: float) -> str:
    """A root was taken out of the configuration: all it had is kept. Inside a transaction."""
    word = "not in the configuration"
    if volume.away == word:
        return ""
    database.run("UPDATE volume SET away = ?, since = ? WHERE id = ?", word, now, volume.id)
    record_event(database, now, "volume away", volume.path, word)
    return "" if volume.away else "away"


def volume_is_present(database: Database, id_: int) -> bool:
    """Whether the volume is at its place at this moment: an absent one says nothing of its files.

    One that is held stands: what is seen on it is there, only what is not seen proves nothing.
    """
    row = database.row(
        "SELECT path, kind, identity FROM volume WHERE id = ? AND (away IS NULL OR missed IS NOT NULL)", id_
    )
    return row is not None and not absence_reason(row[1], row[2], observe_volume(row[0], read_mounts()))


def sample_matches(database: Database, volume: Volume) -> bool:
    """Whether most of a sample of known files stand at their paths with their size and mtime.

    It tells a disk that was copied, or a share that has a new id after a restart, from a wrong disk.
    """
    rows = database.rows(
        "SELECT d.path, f.name, f.size, f.mtime_ns FROM file f JOIN directory d ON d.id = f.directory"
        " WHERE d.volume = ? AND f.state IN ('ok', 'rejected') ORDER BY f.inode LIMIT ?",
        *(volume.id, SAMPLE_FILES),
    )
    return bool(rows) and 2 * sum(map(_file_matches, rows)) > len(rows)


def _file_matches(row: Row) -> bool:
    try:
        found = os.lstat(os.path.join(row[0], row[1]))
    except OSError:
        return False
    return signature_of(found)[:2] == row[2:]


def block_directory(database: Database, path: bytes, problem: str, now: float) -> None:
    """A directory cannot be read: all below it is unreachable, not gone. Inside a transaction."""
    outer = innermost_volume(database, path)
    known = database.row("SELECT kind, away FROM volume WHERE path = ?", path)
    if outer is None or (known and (known[0] != "blocked" or known[1] == problem)):
        return
    id_ = database.value(
        "INSERT INTO volume(root, path, kind, identity, away, since) VALUES (?, ?, 'blocked', '', ?, ?)"
        " ON CONFLICT (path) DO UPDATE SET away = excluded.away, since = excluded.since RETURNING id",
        *(_root_id(database, path), path, problem, now),
    )
    assign_subtree(database, path, int(id_))
    record_event(database, now, "volume away", path, problem)


def unblock_directory(database: Database, path: bytes, now: float) -> None:
    """A blocked directory can be read again, or is gone. Inside a transaction."""
    id_ = database.value("SELECT id FROM volume WHERE path = ? AND kind = 'blocked'", path)
    if id_ is None:
        return
    outer = innermost_volume(database, os.path.dirname(path))
    low, high = subtree_range(path)
    # By id and not by path: whatever the block was given must go to another volume before it ends.
    database.run("UPDATE directory SET volume = ? WHERE volume = ?", outer, id_)
    database.run("DELETE FROM volume WHERE id = ?", id_)
    rebuild_tally(database)
    record_event(database, now, "volume back", path)
    # Blocked directories further down were hidden by this one; the next scan blocks them again.
    for (inner,) in database.rows(
        "SELECT path FROM volume WHERE kind = 'blocked' AND path >= ? AND path < ?", low, high
    ):
        unblock_directory(database, inner, now)


def move_volumes(database: Database, source: bytes, target: bytes) -> None:
    """A directory was renamed, and with it the mounts and blocked directories in it. Inside a transaction."""
    low, high = subtree_range(source)
    for id_, path in database.rows(
        "SELECT id, path FROM volume WHERE kind != 'root' AND (path = ? OR (path >= ? AND path < ?))", source, low, high
    ):
        goal = target + path[len(source) :]
        if database.value("SELECT 1 FROM volume WHERE path = ?", goal) is None:
            database.run("UPDATE volume SET path = ? WHERE id = ?", goal, id_)


def reassign_directories(database: Database, top: bytes) -> None:
    """Give each directory of a subtree to the innermost volume around it. Inside a transaction."""
    low, high = subtree_range(top)
    rows = database.rows(
        "SELECT id, path, volume FROM directory WHERE path = ? OR (path >= ? AND path < ?)", top, low, high
    )
    places = [
        (inner, id_) for id_, path, volume in rows if (inner := innermost_volume(database, path)) not in (None, volume)
    ]
    database.many("UPDATE directory SET volume = ? WHERE id = ?", places)
    if places:
        rebuild_tally(database)
