"""Gather the facts that decide whether a path may go to the trash: from the disk, the catalog and its other copies."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, replace

from catalog.config.load import Config
from catalog.duplicates.best_copy import FileCopy
from catalog.duplicates.copies import NOT_GONE_STATES, copies_by_content
from catalog.duplicates.disk_layout import DiskLayout, disk_layout
from catalog.errors import UsageError, error_text
from catalog.filesystem.ignore import IgnoreRules
from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.paths import inside, is_real_directory, split_path
from catalog.filesystem.same_disk import DirectoryEntry
from catalog.filesystem.stat_signature import file_kind, lstat_or_none
from catalog.filesystem.transient import IN_SNAPSHOT, transient_reason
from catalog.formatting import printable_path
from catalog.store.database import Database
from catalog.trash.location import Trash, trash_of, unwritable_reason, xdg_data_home
from catalog.trash.records import Survivor

ROW_SQL = (
    "SELECT f.state, f.content, c.sha256, c.bytes, l.value, d.volume, f.inode, v.path, v.away"
    " FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
    " LEFT JOIN content c ON c.id = f.content LEFT JOIN label l ON l.content = f.content"
    " WHERE d.path = ? AND f.name = ?"
)


@dataclass(frozen=True, slots=True)
class TrashRow:
    """The catalog's row of a path. `volume_path`: where its volume is mounted.

    `inode` is unique within `volume`, the first of those that share their inodes. `snapshot`: as in FileCopy.
    """

    state: str
    content: int | None
    sha256: bytes | None
    size: int | None
    label: str | None
    volume: int
    inode: int
    volume_path: bytes
    away: str | None
    snapshot: bool = False

    @property
    def inode_key(self) -> tuple[int, int]:
        """Equal for hard links, as `FileCopy.inode_key`."""
        return self.volume, self.inode


@dataclass(frozen=True, slots=True)
class PathFacts:
    """The facts of one path.

    `kind`: file, directory, symlink or special; "" where nothing exists. `problem`: why the path cannot be accessed.
    `through_symlink`: a directory above it is a symbolic link. `trash`: its trash, or why there is none.
    `other_copies`: other paths with the same content, including those on absent volumes, hard links of this file, and
    this file by another path, with the same `entry`, which is known if one of them has the same inode.
    """

    path: bytes
    kind: str
    size: int
    problem: str = ""
    row: TrashRow | None = None
    through_symlink: bool = False
    trash: Trash | str = ""
    other_copies: tuple[FileCopy, ...] = ()
    entry: DirectoryEntry | None = None


def gather_facts(config: Config, database: Database, paths: Iterable[bytes]) -> list[PathFacts]:
    """Return the facts of each distinct path, in order. No file is read, and nothing is created."""
    layout = disk_layout(database)
    rows = {path: _trash_row(database, path, layout) for path in dict.fromkeys(paths)}
    contents = {row.content for row in rows.values() if row is not None and row.content is not None}
    copies: dict[int, list[FileCopy]] = {}
    for batch in copies_by_content(database, sorted(contents), NOT_GONE_STATES, layout):
        copies.update(batch)
    locator = _TrashLocator(config)
    return [_path_facts(path, row, copies, locator) for path, row in rows.items()]


def _trash_row(database: Database, path: bytes, layout: DiskLayout) -> TrashRow | None:
    values = database.row(ROW_SQL, *split_path(path))
    if values is None:
        return None
    row = TrashRow(*values)
    place = row.volume, split_path(path)[0]
    return replace(row, volume=layout.inode_space(*place), snapshot=layout.in_snapshot(*place))


def _path_facts(
    path: bytes, row: TrashRow | None, copies: dict[int, list[FileCopy]], locator: "_TrashLocator"
) -> PathFacts:
    try:
        found = lstat_or_none(path)
    except OSError as error:
        return PathFacts(path, "", 0, error_text(error), row)
    if found is None:
        return PathFacts(path, "", 0, row=row)
    folder = os.path.dirname(path)
    through_symlink = row is not None and not is_real_directory(folder, row.volume_path)
    known = copies.get(row.content or 0, []) if row else []
    entry = next((copy.entry for copy in known if copy.path == path), None)
    others = tuple(copy for copy in known if copy.path != path)
    return PathFacts(path, file_kind(found), found.st_size, "", row, through_symlink, locator.of(folder), others, entry)


def require_survivor(database: Database, path: bytes, leaving: Iterable[bytes]) -> Survivor:
    """Return the file that the owner named to keep. Raises UsageError where it is not intact, or is to be moved too."""
    row = _trash_row(database, path, disk_layout(database))
    reason = ""
    if row is None or row.sha256 is None or row.state != "ok":
        reason = "is not known to be intact"
    elif row.away is not None:
        reason = f"cannot be relied on: its disk is away ({row.away})"
    elif path in set(leaving):
        reason = "is to be moved itself"
    else:
        reason = transient_reason(path) or (IN_SNAPSHOT if row.snapshot else "")
    if reason or row is None or row.sha256 is None:
        raise UsageError(
            f"{printable_path(path)} {reason}: nothing was moved",
            "Give --survivor a file that is `ok` and is not being moved.",
        )
    return Survivor(path, row.sha256)


class _TrashLocator:
    """Finds the trash of a folder, once for each folder."""

    def __init__(self, config: Config) -> None:
        self._roots = config.roots
        self._ignore = IgnoreRules(config.ignore, os.fsencode(config.state))
        self._uid, self._data, self._mounts = os.geteuid(), xdg_data_home(), read_mounts()
        self._found: dict[bytes, Trash | str] = {}

    def of(self, folder: bytes) -> Trash | str:
        """Return the trash for the files of a folder, or why they cannot be moved."""
        if folder not in self._found:
            self._found[folder] = self._locate(folder)
        return self._found[folder]

    def _locate(self, folder: bytes) -> Trash | str:
        problem = unwritable_reason(folder)
        if problem:
            return f"is in a directory that cannot be changed: {problem}"
        found = trash_of(folder, self._uid, self._data, self._mounts)
        if isinstance(found, Trash) and self._is_catalogued(found.files):
            trash = printable_path(found.folder)
            return f'would be catalogued again in {trash}: add ".Trash*" or its name to `ignore`'
        return found

    def _is_catalogued(self, path: bytes) -> bool:
        return any(not self._ignore.ignores_path(path, root) for root in self._roots if inside(path, root))
