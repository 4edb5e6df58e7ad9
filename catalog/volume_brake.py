"""The brake: a scan that misses too much of a volume proves an accident, not that its owner deleted it.

An identity tells an absent disk from an empty one. It does not tell a pool that lost a member, an export that lost
its data behind a mount that stands, or a copy that ran from an empty source. So above a fraction nothing is declared
gone: the volume is held, its files are unreachable and keep all they had, until a scan finds them again or the owner
accepts the loss. What the kernel tells file by file while the service watches is not braked: absence tells of no
deletion.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from catalog.db import Database, Row
from catalog.results import note
from catalog.sightings import miss_all
from catalog.signature import look
from catalog.tree import below, join, split, volume_of
from catalog.volume_rows import Volume, brake_word, volumes

FEWEST = 20  # below that a person has deleted them
WINDOW = 86400.0  # seconds: many small scans that together miss everything are one loss
UNREAD = "f.state = 'pending' AND f.content IS NULL"
ROWS = (
    "SELECT f.id, f.inode, f.size, f.mtime_ns FROM file f JOIN directory d ON d.id = f.directory"
    f" WHERE d.volume = ? AND f.state != 'gone' AND NOT ({UNREAD})"
)
MATES = (
    "SELECT d.path, f.name FROM file f JOIN directory d ON d.id = f.directory"
    " WHERE f.inode = ? AND f.id != ? AND f.size = ? AND f.mtime_ns = ? AND f.state != 'gone' AND d.volume = ?"
)


@dataclass(frozen=True, slots=True)
class Loss:
    """What a scan did not find of a volume, in files that were read before."""

    missed: int  # and stands nowhere else on the volume
    known: int  # of so many, those missed among them
    lately: int  # declared gone by earlier scans within WINDOW, and no longer among those known


def pulls(loss: Loss, percent: float, accepted: int = 0) -> bool:
    """Whether the brake is pulled: more than `percent` are missing, beyond what the owner `accepted`. Pure."""
    beyond = max(0, loss.missed - accepted)
    missing, whole = beyond + loss.lately, loss.known - (loss.missed - beyond) + loss.lately
    return beyond > 0 and missing >= FEWEST and 100 * missing > percent * whole


def known_files(database: Database, volume: int) -> int:
    """Files of the volume that were read before and are not gone. Those that wait for their first reading are new."""
    held = database.value("SELECT coalesce(sum(files), 0) FROM tally WHERE volume = ? AND state != 'gone'", volume)
    new = database.value(
        "SELECT count(*) FROM file f JOIN directory d ON d.id = f.directory"
        f" WHERE f.due IS NOT NULL AND {UNREAD} AND d.volume = ?",
        volume,
    )
    return int(held - new)


def lost_files(database: Database, volume: int, paths: Iterable[bytes]) -> Iterator[int]:
    """The known files at or below `paths`, but for those that stand elsewhere on the volume, as after a rename."""
    for path in paths:
        low, high = below(path)
        places: list[tuple[str, tuple[object, ...]]] = [("d.path = ? AND f.name = ?", split(path))]
        for (inner,) in database.rows(
            "SELECT id FROM directory WHERE volume = ? AND (path = ? OR (path >= ? AND path < ?))",
            *(volume, path, low, high),
        ):
            places.append(("d.id = ?", (inner,)))
        for where, values in places:
            for row in database.rows(f"{ROWS} AND {where}", volume, *values):
                if not any(_is(row, mate) for mate in _mates(database, volume, row)):
                    yield row[0]


def _mates(database: Database, volume: int, row: Row) -> list[bytes]:
    id_, inode, size, mtime_ns = row
    return [join(*place) for place in database.rows(MATES, inode, id_, size, mtime_ns, volume)]


def _is(row: Row, path: bytes) -> bool:
    try:
        found = look(path)
    except OSError:
        return False
    return found is not None and (found.st_ino, found.st_size, found.st_mtime_ns) == row[1:]


def lately(database: Database, path: bytes, now: float) -> int:
    """Files of the volume at `path` that scans declared gone within WINDOW, since its owner last accepted it."""
    found = database.value(
        "SELECT sum(CAST(detail AS INTEGER)) FROM event WHERE kind = 'missed' AND at BETWEEN ? AND ? AND path = ?"
        " AND id > coalesce((SELECT max(id) FROM event WHERE kind = 'accepted' AND path = ?), 0)",
        *(now - WINDOW, now, path, path),
    )
    return int(found or 0)


def declare(database: Database, volume: bytes, accepted: bool, paths: list[bytes], now: float) -> int:
    """Record what a scan did not find as gone, and how many. Inside a transaction."""
    gone = miss_all(database, paths, now)
    if gone:
        note(database, now, "missed, as accepted" if accepted else "missed", volume, str(gone))
    return gone


def weigh(database: Database, volume: Volume, missed: int, now: float) -> Loss:
    """A loss of so many known files, beside what is known and what went lately."""
    if not missed:
        return Loss(0, 0, 0)
    return Loss(missed, known_files(database, volume.id), lately(database, volume.path, now))


def brake(database: Database, paths: list[bytes], percent: float, now: float) -> list[Volume]:
    """Hold each volume of which `paths` miss too much; returns those volumes. Inside a transaction."""
    stopped = []
    for volume in volumes(database):
        mine = [path for path in paths if volume_of(database, path) == volume.id]
        loss = weigh(database, volume, sum(1 for _ in lost_files(database, volume.id, mine)), now)
        if volume.away is None and pulls(loss, percent, volume.accepted or 0):
            hold(database, volume.id, loss, now)
            stopped.append(volume)
    return stopped


def hold(database: Database, volume: int, loss: Loss, now: float) -> None:
    """Pull the brake, or say anew how much is missing. Inside a transaction."""
    word = brake_word(loss.missed, loss.known)
    if database.run(
        "UPDATE volume SET since = iif(missed IS NULL, ?, since), missed = ?, known = ?, away = ?, accepted = NULL"
        " WHERE id = ? AND (away IS NULL OR missed IS NOT NULL) AND (missed, known) IS NOT (?, ?)",
        *(now, loss.missed, loss.known, word, volume, loss.missed, loss.known),
    ):
        note(database, now, "held", database.value("SELECT path FROM volume WHERE id = ?", volume), word)


def lift(database: Database, volume: int, now: float) -> None:
    """The files are back: let the brake go. Inside a transaction."""
    database.run("UPDATE volume SET missed = NULL, known = NULL, away = NULL, since = ? WHERE id = ?", now, volume)
    note(database, now, "volume back", database.value("SELECT path FROM volume WHERE id = ?", volume))


def accept(database: Database, path: bytes, now: float) -> int:
    """The owner gives up what is missing of a volume that is held; returns how many files. Inside a transaction.

    The next scan of the whole volume declares them gone. One that misses more pulls the brake again.
    """
    row = database.row("SELECT missed FROM volume WHERE path = ? AND missed IS NOT NULL", path)
    if row is None:
        return 0
    database.run("UPDATE volume SET accepted = missed, missed = NULL, known = NULL WHERE path = ?", path)
    note(database, now, "accepted", path, str(row[0]))
    return int(row[0])
