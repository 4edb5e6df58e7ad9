"""Walk a volume and compare it with the catalog. The scan is the truth; events are hints.

A directory's rows are read before it is listed: a file recorded in between is then seen as new, which is harmless. In
the other order it would be in the rows and not in the listing, and count as gone.
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
# One inode is damaged; its directory and the other files in it may be intact.
DAMAGED_INODE_ERRNOS = (errno.EIO, errno.EUCLEAN, errno.EBADMSG)


@dataclass(slots=True)
class ScanResult:
    """The result of one scan. `changed`: sightings; `blocked`: unreadable directories, each with the problem.

    `missing`: known files that were not found; `ignored`: known files and directories that a pattern excludes by now.
    `visited`: ids of directories in the catalog that were listed.
    """

    files: int = 0
    directories: int = 0
    changed: int = 0
    missing: list[bytes] = field(default_factory=list)
    ignored: list[bytes] = field(default_factory=list)
    blocked: list[tuple[bytes, str]] = field(default_factory=list)
    visited: set[int] = field(default_factory=set)


class Scan:
    """One walk inside one volume, whose id is `volume`, in the root `root`. It does not enter `mounts`.

    `due` returns when a file may be read, in Unix seconds, given its stat result; `stopped` whether to stop.
    """

    def __init__(
        self,
        database: Database,
        volume: int,
        root: bytes,
        mounts: frozenset[bytes],
        ignore: IgnoreRules,
        due: Callable[[os.stat_result], float],
        stopped: Callable[[], bool],
    ) -> None:
        self._database = database
        self._volume = volume
        self._root = root
        self._mounts = mounts
        self._ignore = ignore
        self._due = due
        self._stopped = stopped
        self._newest_directory = int(database.value("SELECT coalesce(max(id), 0) FROM directory"))
        self.result = ScanResult()

    def walk(self, top: bytes) -> Iterator[list[Sighting]]:
        """Yield the files that differ from the catalog, a list for each directory with any.

        Missing and ignored files are added to the result.
        """
        stack = [] if self._ignore.ignores_path(top, self._root) else [top]
        while stack and not self._stopped():
            path = stack.pop()
            id_ = directory_id(self._database, path)
            rows = [] if id_ is None else self._database.rows(DIRECTORY_FILES_SQL, id_)
            try:
                listing = self._list(path, stack)
                # Compared as the kernel reports it: nearly always that is as stored; only other numbers are mapped.
                seen = [] if listing == rows else self._compare(path, listing, rows)
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                self.result.blocked.append((path, os.strerror(error.errno or 0).lower()))
                continue
            if id_ is not None:
                self.result.visited.add(id_)
            if seen:
                self.result.changed += len(seen)
                yield seen

    def _list(self, path: bytes, stack: list[bytes]) -> list[ListingRow]:
        """List one directory by name in the form of its rows, so that one C call compares them all.

        The hot loop of a scan: looking up each name in a dictionary of rows took a tenth longer.
        """
        listing: list[ListingRow] = []
        ignored = self._ignore.ignores_name
        with os.scandir(path) as entries:
            for entry in entries:
                name = entry.name
                if ignored(name):
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if entry.path not in self._mounts and not self._ignore.ignores_directory(entry.path):
                        stack.append(entry.path)
                    continue
                try:
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                except OSError as error:
                    if error.errno not in DAMAGED_INODE_ERRNOS:
                        raise
                    listing.append((name, 0, 0, 0, 0))  # UNKNOWN_SIGNATURE
                    continue
                listing.append((name, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino))
        listing.sort()
        self.result.files += len(listing)
        self.result.directories += 1
        return listing

    def _compare(self, path: bytes, listing: list[ListingRow], rows: list[Row]) -> list[Sighting]:
        """Return sightings of the files that differ; add those only in the rows to the missing or ignored ones."""
        known = set(rows)
        seen = [
            self._stat(join_path(path, name))
            for name, *numbers in listing
            if (name, *make_signature(*numbers)) not in known
        ]
        listed = {name for name, _size, _mtime, _ctime, _inode in listing}
        for name, _size, _mtime, _ctime, _inode in rows:
            if name not in listed:
                ignored = self._ignore.ignores_name(name)
                (self.result.ignored if ignored else self.result.missing).append(join_path(path, name))
        return [sighting for sighting in seen if sighting is not None]

    def _stat(self, path: bytes) -> Sighting | None:
        try:
            status = lstat_or_none(path)
        except OSError as error:
            if error.errno not in DAMAGED_INODE_ERRNOS:
                raise
            return Sighting(path, UNKNOWN_SIGNATURE, 0.0, RejectReason.UNREADABLE, os.strerror(error.errno).lower())
        return None if status is None else make_sighting(path, status, self._due(status))

    def add_unvisited(self, top: bytes) -> None:
        """Add the directories of this volume that were known before the walk and not visited by it to the result.

        The ignored ones are listed in full, of the missing ones only the topmost.
        """
        low, high = subtree_range(top)
        rows = self._database.rows(
            "SELECT id, path FROM directory WHERE volume = ? AND id <= ?"
            " AND (path = ? OR (path >= ? AND path < ?)) ORDER BY path",
            *(self._volume, self._newest_directory, top, low, high),
        )
        missing = b""
        for id_, path in rows:
            if id_ in self.result.visited:
                continue
            if self._ignore.ignores_path(path, self._root):
                self.result.ignored.append(path)
            elif not (missing and inside(path, missing)) and not self._is_blocked(path):
                missing = path
                self.result.missing.append(path)

    def _is_blocked(self, path: bytes) -> bool:
        return any(at_or_inside(path, blocked) for blocked, _ in self.result.blocked)


def make_sighting(path: bytes, status: os.stat_result, due: float) -> Sighting:
    """Return the sighting for a stat result: a file to read at `due`, or one that is recorded but never opened."""
    signature = signature_of(status)
    if stat.S_ISREG(status.st_mode):
        return Sighting(path, signature, due)
    if stat.S_ISLNK(status.st_mode):
        return Sighting(path, signature, due, RejectReason.SYMLINK, _link_target(path))
    return Sighting(path, signature, due, RejectReason.SPECIAL, "a device, pipe or socket")


def _link_target(path: bytes) -> str:
    try:
        return "→ " + os.readlink(path).decode("utf-8", "replace")
    except OSError as error:
        return os.strerror(error.errno or 0)
