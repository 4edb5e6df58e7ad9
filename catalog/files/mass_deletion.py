"""Protection against mass deletion: a volume is held if a scan misses too many of its files.

The identity of a volume tells an absent disk from an empty one. It does not reveal a pool that lost a member, an export
that lost its data behind an intact mount, or a sync from an empty source. So if more than a given percentage of files
are missing, none is declared gone: the volume is held, and its files are unreachable but keep all their data, until a
scan finds them again or the owner accepts the loss. Deletions that the kernel reports file by file while the service
watches are not limited.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from catalog.files.observe import record_missing_paths
from catalog.filesystem.paths import join_path, split_path, subtree_range
from catalog.filesystem.stat_signature import Nanoseconds, signature_at
from catalog.store.database import Database
from catalog.store.directories import directory_id, innermost_volume
from catalog.store.events import record_event
from catalog.store.volumes import Volume, all_volumes, hold_reason

MIN_MISSED_FILES = 20  # fewer are taken for deletions by a person
WINDOW_SECONDS = 86400.0  # losses in this time add up: many small scans may together miss everything
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
    """Numbers of files of a volume, not counting files that were never read.

    `missed`: files that a scan did not find anywhere on the volume. `known`: all files, `missed` included. `recent`:
    files that earlier scans within WINDOW_SECONDS declared gone. `peak`: the most files that a scan in that time found.
    """

    missed: int
    known: int
    recent: int = 0
    peak: int = 0


def exceeds_limit(loss: Loss, percent: float, accepted: int = 0) -> bool:
    """Return whether more than `percent` of the files are missing, beyond what the owner `accepted`. Pure.

    The percentage is of the files known now, or of the peak within WINDOW_SECONDS. Recent losses count only as far as
    the number of files fell below that peak: an inbox loses more files in a day than it ever holds.
    """
    missed = max(0, loss.missed - accepted)
    known = loss.known - (loss.missed - missed)
    peak = max(loss.peak, known)
    decline = min(missed + loss.recent, peak - (known - missed))
    return (missed >= MIN_MISSED_FILES and 100 * missed > percent * known) or (
        missed > 0 and decline >= MIN_MISSED_FILES and 100 * decline > percent * peak
    )


def count_known_files(database: Database, volume: int) -> int:
    """Count the files of a volume that were read before and are not gone."""
    present = database.value("SELECT coalesce(sum(files), 0) FROM tally WHERE volume = ? AND state != 'gone'", volume)
    unread = database.value(
        "SELECT count(*) FROM file f JOIN directory d ON d.id = f.directory"
        f" WHERE f.due IS NOT NULL AND {UNREAD_FILE} AND d.volume = ?",
        volume,
    )
    return int(present - unread)


def missed_files(database: Database, volume: int, paths: Iterable[bytes]) -> Iterator[int]:
    """Yield ids of known files at or below `paths` that are not elsewhere on the volume, as after a rename.

    One query per directory: if most of a large volume is missing, one per file would take an hour.
    """
    for folder, group in groupby(map(split_path, paths), key=itemgetter(0)):
        names = {name for _, name in group}
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
    """Yield ids of missed files in one directory; `names` limits them."""
    for id_, name, has_twin in database.rows(DIRECTORY_FILES_SQL, directory):
        if (names is None or name in names) and not (has_twin and _exists_elsewhere(database, volume, id_)):
            yield id_


def _exists_elsewhere(database: Database, volume: int, file: int) -> bool:
    return any(_file_matches(*row) for row in database.rows(SAME_INODE_SQL, volume, file))


def _file_matches(directory: bytes, name: bytes, inode: int, size: int, mtime_ns: Nanoseconds) -> bool:
    seen = signature_at(join_path(directory, name))
    return seen is not None and (seen.inode, seen.size, seen.mtime_ns) == (inode, size, mtime_ns)


def recent_scan_counts(database: Database, path: bytes, now: float) -> tuple[int, int]:
    """Return how many files of the volume at `path` scans declared gone, and the most files that one of them found.

    Count scans within WINDOW_SECONDS and since the owner last accepted a loss.
    """
    ((gone, peak),) = database.rows(
        "SELECT coalesce(sum(CAST(detail AS INTEGER)) FILTER (WHERE kind = 'missed'), 0),"
        " coalesce(max(CAST(detail AS INTEGER)) FILTER (WHERE kind = 'scanned'), 0)"
        " FROM event WHERE kind IN ('missed', 'scanned') AND at BETWEEN ? AND ? AND path = ?"
        " AND id > coalesce((SELECT max(id) FROM event WHERE kind = 'accepted' AND path = ?), 0)",
        *(now - WINDOW_SECONDS, now, path, path),
    )
    return int(gone), int(peak)


def record_missed_files(database: Database, volume: bytes, accepted: bool, paths: list[bytes], now: float) -> int:
    """Declare files gone that a scan did not find; return how many. Call inside a transaction."""
    gone = record_missing_paths(database, paths, now)
    if gone:
        record_event(database, now, "missed, as accepted" if accepted else "missed", volume, str(gone))
    return gone


def measure_loss(database: Database, volume: Volume, missed: int, now: float) -> Loss:
    """Return the loss of `missed` known files, with the counts that `exceeds_limit` compares it with."""
    if not missed:
        return Loss(0, 0)
    known = count_known_files(database, volume.id)
    recent, peak = recent_scan_counts(database, volume.path, now)
    return Loss(missed, known, recent, peak or known + recent)  # without an earlier scan, assume that no file was added


def hold_volumes(database: Database, paths: list[bytes], percent: float, now: float) -> list[Volume]:
    """Hold each volume that misses too many of `paths`; return those volumes. Call inside a transaction."""
    held = []
    for volume in all_volumes(database):
        inside = [path for path in paths if innermost_volume(database, path) == volume.id]
        loss = measure_loss(database, volume, sum(1 for _ in missed_files(database, volume.id, inside)), now)
        if volume.away is None and exceeds_limit(loss, percent, volume.accepted or 0):
            hold_volume(database, volume.id, loss, now)
            held.append(volume)
    return held


def record_full_scan(database: Database, volume: int, now: float) -> None:
    """Record a scan of a whole volume without a loss; an acceptance is used up. Call inside a transaction."""
    path = database.value(
        "UPDATE volume SET scanned_at = ?, accepted = NULL WHERE id = ? AND missed IS NULL RETURNING path",
        *(now, volume),
    )
    if path is not None:
        count_sql = "SELECT coalesce(sum(files), 0) FROM tally WHERE volume = ? AND state IN ('ok', 'rejected')"
        record_event(database, now, "scanned", path, str(database.value(count_sql, volume)))


def hold_volume(database: Database, volume: int, loss: Loss, now: float) -> None:
    """Hold a volume, or update how much is missing. Call inside a transaction."""
    reason = hold_reason(loss.missed, loss.known)
    path = database.value(
        "UPDATE volume SET since = iif(missed IS NULL, ?, since), missed = ?, known = ?, away = ?, accepted = NULL"
        " WHERE id = ? AND (away IS NULL OR missed IS NOT NULL) AND (missed, known) IS NOT (?, ?) RETURNING path",
        *(now, loss.missed, loss.known, reason, volume, loss.missed, loss.known),
    )
    if path is not None:
        record_event(database, now, "held", path, reason)


def release_volume(database: Database, volume: int, now: float) -> None:
    """Release a volume whose files are back. Call inside a transaction."""
    cleared = "missed = NULL, known = NULL, away = NULL, since = ?"
    path = database.value(f"UPDATE volume SET {cleared} WHERE id = ? RETURNING path", now, volume)
    record_event(database, now, "volume back", path)


def accept_loss(database: Database, path: bytes, now: float) -> int:
    """Accept that the missing files of a held volume are lost; return how many. Call inside a transaction.

    The next scan of the whole volume declares them gone. A scan that misses more holds the volume again.
    """
    missed = database.value("SELECT missed FROM volume WHERE path = ? AND missed IS NOT NULL", path)
    if missed is None:
        return 0
    database.run("UPDATE volume SET accepted = missed, missed = NULL, known = NULL WHERE path = ?", path)
    record_event(database, now, "accepted", path, str(missed))
    return int(missed)
