"""The brake: a scan that misses too much of a volume proves an accident, not that its owner deleted it.

An identity tells an absent disk from an empty one. It does not tell a pool that lost a member, an export that lost
its data behind a mount that stands, or a copy that ran from an empty source. So above a fraction nothing is declared
gone: the volume is held, its files are unreachable and keep all they had, until a scan finds them again or the owner
accepts the loss. What the kernel tells file by file while the service watches is not braked: absence tells of no
deletion.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from catalog.files.observe import record_missing_paths
from catalog.filesystem.paths import join_path, split_path, subtree_range
from catalog.filesystem.stat_signature import lstat_or_none, signature_of
from catalog.store.database import Database, Row
from catalog.store.directories import directory_id, innermost_volume
from catalog.store.events import record_event
from catalog.store.volumes import Volume, all_volumes, hold_reason

MIN_MISSED_FILES = 20  # below that a person has deleted them
WINDOW_SECONDS = 86400.0  # seconds: many small scans that together miss everything are one loss
UNREAD_FILE = "f.state = 'pending' AND f.content IS NULL"
SAME_INODE = "g.inode = f.inode AND g.id != f.id AND g.size = f.size AND g.mtime_ns = f.mtime_ns AND g.state != 'gone'"
DIRECTORY_FILES_SQL = (
    f"SELECT f.id, f.name, EXISTS (SELECT 1 FROM file g WHERE {SAME_INODE}) FROM file f"
    f" WHERE f.directory = ? AND f.state != 'gone' AND NOT ({UNREAD_FILE})"
)
SAME_INODE_SQL = (
    "SELECT d.path, g.name, g.inode, g.size, g.mtime_ns FROM file f"
    f" JOIN file g ON {SAME_INODE} JOIN directory d ON d.id = g.directory AND d.volume = ? WHERE f.id = ?"
)


class Loss(NamedTuple):
    """What a scan did not find of a volume, in files that were read before."""

    missed: int  # and stands nowhere else on the volume
    known: int  # of so many, those missed among them
    lately: int = 0  # declared gone by earlier scans within WINDOW, and no longer among those known
    most: int = 0  # files that a scan within WINDOW had found in order


def exceeds_limit(loss: Loss, percent: float, accepted: int = 0) -> bool:
    """Whether the brake is pulled: more than `percent` are missing, beyond what the owner `accepted`. Pure.

    Of what is known now, or of what there was within WINDOW, less what has come since: a folder through which files
    only pass loses more in a day than it ever holds.
    """
    beyond = max(0, loss.missed - accepted)
    known = loss.known - (loss.missed - beyond)
    most = max(loss.most, known)
    decline = min(beyond + loss.lately, most - (known - beyond))
    return (beyond >= MIN_MISSED_FILES and 100 * beyond > percent * known) or (
        beyond > 0 and decline >= MIN_MISSED_FILES and 100 * decline > percent * most
    )


def count_known_files(database: Database, volume: int) -> int:
    """Files of the volume that were read before and are not gone. Those that wait for their first reading are new."""
    held = database.value(
        "SELECT coalesce(sum(files), 0) FROM tally WHERE volume = ? AND state != 'gone'",
        volume,
    )
    new = database.value(
        "SELECT count(*) FROM file f JOIN directory d ON d.id = f.directory"
        f" WHERE f.due IS NOT NULL AND {UNREAD_FILE} AND d.volume = ?",
        volume,
    )
    return int(held - new)


def missed_files(database: Database, volume: int, paths: Iterable[bytes]) -> Iterator[int]:
    """The known files at or below `paths`, but for those that stand elsewhere on the volume, as after a rename.

    One query a directory: where most of a large volume is missing, one a file would take an hour.
    """
    for folder, group in groupby(paths, key=lambda path: split_path(path)[0]):
        names = {split_path(path)[1] for path in group}
        yield from _missed_in_directory(database, volume, directory_id(database, folder), names)
        for path in (join_path(folder, name) for name in names):
            if directory_id(database, path) is not None:
                low, high = subtree_range(path)
                for (inner,) in database.rows(
                    "SELECT id FROM directory WHERE volume = ? AND (path = ? OR (path >= ? AND path < ?))",
                    *(volume, path, low, high),
                ):
                    yield from _missed_in_directory(database, volume, inner, None)


def _missed_in_directory(
    database: Database, volume: int, directory: int | None, names: set[bytes] | None
) -> Iterator[int]:
    """Of one directory: all known files, or those so named."""
    for id_, name, twins in database.rows(DIRECTORY_FILES_SQL, directory):
        wanted = names is None or name in names
        if wanted and not (twins and any(map(_file_matches, database.rows(SAME_INODE_SQL, volume, id_)))):
            yield id_


def _file_matches(row: Row) -> bool:
    try:
        found = lstat_or_none(join_path(row[0], row[1]))
    except OSError:
        return False
    if found is None:
        return False
    seen = signature_of(found)
    return (seen.inode, seen.size, seen.mtime_ns) == row[2:]


def recent_scan_counts(database: Database, path: bytes, now: float) -> tuple[int, int]:
    """Of the volume at `path`, within WINDOW and since its owner last accepted a loss: how many files scans declared
    gone, and how many one of them found in order at most.
    """
    row = database.row(
        "SELECT coalesce(sum(CAST(detail AS INTEGER)) FILTER (WHERE kind = 'missed'), 0),"
        " coalesce(max(CAST(detail AS INTEGER)) FILTER (WHERE kind = 'scanned'), 0)"
        " FROM event WHERE kind IN ('missed', 'scanned') AND at BETWEEN ? AND ? AND path = ?"
        " AND id > coalesce((SELECT max(id) FROM event WHERE kind = 'accepted' AND path = ?), 0)",
        *(now - WINDOW_SECONDS, now, path, path),
    )
    assert row is not None
    return int(row[0]), int(row[1])


def declare_gone(database: Database, volume: bytes, accepted: bool, paths: list[bytes], now: float) -> int:
    """Record what a scan did not find as gone, and how many. Inside a transaction."""
    gone = record_missing_paths(database, paths, now)
    if gone:
        record_event(
            database,
            now,
            "missed, as accepted" if accepted else "missed",
            volume,
            str(gone),
        )
    return gone


def measure_loss(database: Database, volume: Volume, missed: int, now: float) -> Loss:
    """A loss of so many known files, beside what is known and what went lately."""
    if not missed:
        return Loss(0, 0)
    known = count_known_files(database, volume.id)
    before, most = recent_scan_counts(database, volume.path, now)
    return Loss(missed, known, before, most or known + before)  # before the first scan of what is read: nothing came


def hold_volumes(database: Database, paths: list[bytes], percent: float, now: float) -> list[Volume]:
    """Hold each volume of which `paths` miss too much; returns those volumes. Inside a transaction."""
    stopped = []
    for volume in all_volumes(database):
        mine = [path for path in paths if innermost_volume(database, path) == volume.id]
        loss = measure_loss(database, volume, sum(1 for _ in missed_files(database, volume.id, mine)), now)
        if volume.away is None and exceeds_limit(loss, percent, volume.accepted or 0):
            hold_volume(database, volume.id, loss, now)
            stopped.append(volume)
    return stopped


def record_full_scan(database: Database, volume: int, now: float) -> None:
    """A whole volume was scanned, and is as it should be: an acceptance is used up. Inside a transaction."""
    path = database.value(
        "UPDATE volume SET scanned_at = ?, accepted = NULL WHERE id = ? AND missed IS NULL RETURNING path",
        now,
        volume,
    )
    if path is not None:
        found = "SELECT coalesce(sum(files), 0) FROM tally WHERE volume = ? AND state IN ('ok', 'rejected')"
        record_event(database, now, "scanned", path, str(database.value(found, volume)))


def hold_volume(database: Database, volume: int, loss: Loss, now: float) -> None:
    """Pull the brake, or say anew how much is missing. Inside a transaction."""
    word = hold_reason(loss.missed, loss.known)
    if database.run(
        "UPDATE volume SET since = iif(missed IS NULL, ?, since), missed = ?, known = ?, away = ?, accepted = NULL"
        " WHERE id = ? AND (away IS NULL OR missed IS NOT NULL) AND (missed, known) IS NOT (?, ?)",
        *(now, loss.missed, loss.known, word, volume, loss.missed, loss.known),
    ):
        record_event(
            database,
            now,
            "held",
            database.value("SELECT path FROM volume WHERE id = ?", volume),
            word,
        )


def release_volume(database: Database, volume: int, now: float) -> None:
    """The files are back: let the brake go. Inside a transaction."""
    database.run(
        "UPDATE volume SET missed = NULL, known = NULL, away = NULL, since = ? WHERE id = ?",
        now,
        volume,
    )
    record_event(
        database,
        now,
        "volume back",
        database.value("SELECT path FROM volume WHERE id = ?", volume),
    )


def accept_loss(database: Database, path: bytes, now: float) -> int:
    """The owner gives up what is missing of a volume that is held; returns how many files. Inside a transaction.

    The next scan of the whole volume declares them gone. One that misses more pulls the brake again.
    """
    row = database.row("SELECT missed FROM volume WHERE path = ? AND missed IS NOT NULL", path)
    if row is None:
        return 0
    database.run(
        "UPDATE volume SET accepted = missed, missed = NULL, known = NULL WHERE path = ?",
        path,
    )
    record_event(database, now, "accepted", path, str(row[0]))
    return int(row[0])
