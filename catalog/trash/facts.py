"""What has to be known of a path before it may go to the trash: of the disk, of the catalog, of its copies."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

from catalog.config.load import Config
from catalog.duplicates.best_copy import FileCopy
from catalog.duplicates.copies import NOT_GONE_STATES, copies_by_content
from catalog.errors import UsageError
from catalog.filesystem.ignore import IgnoreRules
from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.paths import inside, is_real_directory, split_path
from catalog.filesystem.stat_signature import file_kind, lstat_or_none
from catalog.filesystem.transient import transient_reason
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
    """The row of a path. `inode` is told apart by `volume`; `top` is that volume's path."""

    state: str
    content: int | None
    sha256: bytes | None
    size: int | None
    label: str | None
    volume: int
    inode: int
    top: bytes
    away: str | None

    @property
    def place(self) -> tuple[int, int]:
        """The same for hard links, as `Candidate.place`."""
        return self.volume, self.inode


@dataclass(frozen=True, slots=True)
class PathFacts:
    """One path. `seen`: file, directory, symlink or special, "" where nothing stands; `problem`: why nobody can tell.

    `through_link`: a directory above it is a symbolic link. `trash`: where it would go, or why it cannot.
    `others`: other files of the same content, those of absent volumes included.
    """

    path: bytes
    seen: str
    size: int
    problem: str = ""
    known: TrashRow | None = None
    through_link: bool = False
    trash: Trash | str = ""
    others: tuple[FileCopy, ...] = ()


def gather_facts(config: Config, database: Database, paths: Iterable[bytes]) -> list[PathFacts]:
    """Look at each path once. Nothing is read and nothing is made."""
    known = {path: _trash_row(database, path) for path in dict.fromkeys(paths)}
    contents = {row.content for row in known.values() if row is not None and row.content is not None}
    copies: dict[int, list[FileCopy]] = {}
    for found in copies_by_content(database, sorted(contents), NOT_GONE_STATES):
        copies.update(found)
    places = _TrashLocator(config)
    return [_path_facts(path, row, copies, places) for path, row in known.items()]


def _trash_row(database: Database, path: bytes) -> TrashRow | None:
    row = database.row(ROW_SQL, *split_path(path))
    return None if row is None else TrashRow(*row)


def _path_facts(
    path: bytes, known: TrashRow | None, copies: dict[int, list[FileCopy]], places: "_TrashLocator"
) -> PathFacts:
    try:
        found = lstat_or_none(path)
    except OSError as error:
        return PathFacts(path, "", 0, os.strerror(error.errno or 0).lower(), known)
    if found is None:
        return PathFacts(path, "", 0, known=known)
    folder = os.path.dirname(path)
    linked = known is not None and not is_real_directory(folder, known.top)
    others = tuple(one for one in copies.get(known.content or 0, ()) if one.path != path) if known else ()
    return PathFacts(path, file_kind(found), found.st_size, "", known, linked, places.of(folder), others)


def require_survivor(database: Database, path: bytes, going: Iterable[bytes]) -> Survivor:
    """What its owner keeps instead of others. Raises UsageFault where that is no healthy file, or is to go itself."""
    known = _trash_row(database, path)
    why = ""
    if known is None or known.sha256 is None or known.state != "ok":
        why = "is not known to be whole"
    elif known.away is not None:
        why = f"cannot be relied on: its disk is away ({known.away})"
    elif path in set(going):
        why = "is to be moved itself"
    else:
        why = transient_reason(path)
    if why or known is None or known.sha256 is None:
        raise UsageError(
            f"{printable_path(path)} {why}: nothing was moved", "Name as --survivor a file that is `ok` and stays."
        )
    return Survivor(path, known.sha256)


class _TrashLocator:
    """The trash of each folder, looked for once."""

    def __init__(self, config: Config) -> None:
        self._roots = config.roots
        self._ignore = IgnoreRules(config.ignore, os.fsencode(config.state))
        self._uid, self._data, self._mounts = os.geteuid(), xdg_data_home(), read_mounts()
        self._found: dict[bytes, Trash | str] = {}

    def of(self, folder: bytes) -> Trash | str:
        """Where files of a folder go, or why they cannot."""
        if folder not in self._found:
            self._found[folder] = self._look(folder)
        return self._found[folder]

    def _look(self, folder: bytes) -> Trash | str:
        problem = unwritable_reason(folder)
        if problem:
            return f"lies in a folder that cannot be changed: {problem}"
        found = trash_of(folder, self._uid, self._data, self._mounts)
        if isinstance(found, Trash) and self._catalogued(found.files):
            return f'would be catalogued again in {printable_path(found.folder)}: `ignore` lacks ".Trash*" or its name'
        return found

    def _catalogued(self, place: bytes) -> bool:
        return any(not self._ignore.path(place, root) for root in self._roots if inside(place, root))
