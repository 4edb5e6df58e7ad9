"""Walk a volume and tell how it differs from the catalog. The scan is the truth; events are hints.

A directory's rows are read before it is listed: a file that arrives in between is then seen as new, which is
harmless. The other way round it would be taken for gone.
"""

import errno
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from catalog.files.observe import Sighting
from catalog.filesystem.ignore import IgnoreRules
from catalog.filesystem.paths import at_or_inside, inside, join_path, subtree_range
from catalog.filesystem.stat_signature import UNKNOWN_SIGNATURE, lstat_or_none, make_signature, signature_of
from catalog.store.database import Database, Row
from catalog.store.directories import directory_id
from models.decode.reason import RejectReason

DIRECTORY_FILES_SQL = (
    "SELECT name, size, mtime_ns, ctime_ns, inode FROM file WHERE directory = ? AND state != 'gone' ORDER BY name"
)
ListingRow = tuple[bytes, int, int, int, int]
DAMAGED_INODE_ERRNOS = (
    errno.EIO,
    errno.EUCLEAN,
    errno.EBADMSG,
)  # one inode is damaged; its directory and all else in it may be well


@dataclass(slots=True)
class ScanResult:
    """What one scan met."""

    files: int = 0
    directories: int = 0
    changed: int = 0
    missing: list[bytes] = field(default_factory=list)
    blocked: list[tuple[bytes, str]] = field(default_factory=list)
    visited: set[int] = field(default_factory=set)


class Scan:
    """One walk below `top`, inside one volume. `due` says when a sighting may be read."""

    def __init__(
        self,
        database: Database,
        volume: int,
        mounts: frozenset[bytes],
        ignore: IgnoreRules,
        due: Callable[[os.stat_result], float],
        stopped: Callable[[], bool],
    ) -> None:
        self._database = database
        self._volume = volume
        self._mounts = mounts
        self._ignore = ignore
        self._due = due
        self._stopped = stopped
        self._newest = int(database.value("SELECT coalesce(max(id), 0) FROM directory"))
        self.tally = ScanResult()

    def walk(self, top: bytes) -> Iterator[list[Sighting]]:
        """Yield what differs, a list for each directory that has any. Missing paths gather in the tally."""
        stack = [top]
        while stack and not self._stopped():
            path = stack.pop()
            id_ = directory_id(self._database, path)
            rows = [] if id_ is None else self._database.rows(DIRECTORY_FILES_SQL, id_)
            try:
                listing = self._list(path, stack)
                # Compared as the kernel gives it: for nearly all files that is as stored, and only others are mapped.
                seen = [] if listing == rows else self._compare(path, listing, rows)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                self.tally.blocked.append((path, os.strerror(error.errno or 0).lower()))
                continue
            if id_ is not None:
                self.tally.visited.add(id_)
            if seen:
                self.tally.changed += len(seen)
                yield seen

    def _list(self, path: bytes, stack: list[bytes]) -> list[ListingRow]:
        """What is in one directory, by name, as the rows have it: all of it is then compared in one C call.

        The hot loop of a scan: a dictionary of rows, looked up for each name, took a tenth longer.
        """
        listing: list[ListingRow] = []
        ignored = self._ignore.name
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if ignored(name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if entry.path not in self._mounts and not self._ignore.directory(entry.path):
                        stack.append(entry.path)
                    continue
                try:
                    found = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    if error.errno not in DAMAGED_INODE_ERRNOS:
                        raise
                    listing.append((name, 0, 0, 0, 0))  # UNSEEN
                    continue
                listing.append((name, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino))
        listing.sort()
        self.tally.files += len(listing)
        self.tally.directories += 1
        return listing

    def _compare(self, path: bytes, listing: list[ListingRow], rows: list[Row]) -> list[Sighting]:
        """Sightings of what differs; what is in the rows alone is missing."""
        known = set(rows)
        seen = [
            self._sight(join_path(path, name))
            for name, *numbers in listing
            if (name, *make_signature(*numbers)) not in known
        ]
        here = {line[0] for line in listing}
        self.tally.missing += [join_path(path, row[0]) for row in rows if row[0] not in here]
        return [one for one in seen if one is not None]

    def _sight(self, path: bytes) -> Sighting | None:
        try:
            found = lstat_or_none(path)
        except OSError as error:
            if error.errno not in DAMAGED_INODE_ERRNOS:
                raise
            return Sighting(path, UNKNOWN_SIGNATURE, 0.0, RejectReason.UNREADABLE, os.strerror(error.errno).lower())
        return None if found is None else sighting(path, found, self._due(found))

    def vanished_directories(self, top: bytes) -> list[bytes]:
        """Directories of this volume that were known before the walk and not met by it, topmost ones only."""
        low, high = subtree_range(top)
        rows = self._database.rows(
            "SELECT id, path FROM directory WHERE volume = ? AND id <= ?"
            " AND (path = ? OR (path >= ? AND path < ?)) ORDER BY path",
            *(self._volume, self._newest, top, low, high),
        )
        lost: list[bytes] = []
        for id_, path in rows:
            covered = lost and inside(path, lost[-1])
            if id_ not in self.tally.visited and not covered and not self._hidden(path):
                lost.append(path)
        return lost

    def _hidden(self, path: bytes) -> bool:
        return any(at_or_inside(path, where) for where, _ in self.tally.blocked)


def sighting(path: bytes, found: os.stat_result, due: float) -> Sighting:
    """What a stat result means: a file to read, or something that is shown but never opened."""
    sign = signature_of(found)
    if stat.S_ISREG(found.st_mode):
        return Sighting(path, sign, due)
    if stat.S_ISLNK(found.st_mode):
        return Sighting(path, sign, due, RejectReason.SYMLINK, _link_target(path))
    return Sighting(path, sign, due, RejectReason.SPECIAL, "a device, pipe or socket")


def _link_target(path: bytes) -> str:
    try:
        return "→ " + os.readlink(path).decode("utf-8", "replace")
    except OSError as error:
        return os.strerror(error.errno or 0)
