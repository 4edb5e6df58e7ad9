"""Walk every volume that is present and compare each path with its row; then look twice at whatever seems wrong."""

import os
from collections.abc import Iterator

from catalog.config.load import Config
from catalog.filesystem.ignore import IgnoreRules
from catalog.filesystem.mounts import Mount, read_mounts
from catalog.filesystem.paths import is_real_directory, join_path, split_path
from catalog.filesystem.stat_signature import Signature, file_kind, lstat_or_none, signature_of
from catalog.filesystem.volume_identity import absence_reason as judge_volume
from catalog.filesystem.volume_identity import observe_volume
from catalog.integrity.check_row import CatalogRow, CheckFinding, DiskEntry, compare_row
from catalog.store.database import Database
from catalog.store.directories import directory_id
from catalog.store.models import current_model
from catalog.store.volumes import Volume, all_volumes

FILE_ROWS_SQL = """
SELECT f.name, f.state, f.size, f.mtime_ns, f.ctime_ns, f.inode, f.reason, f.due, f.content, c.bytes,
  EXISTS (SELECT 1 FROM vector v WHERE v.content = f.content AND v.model = ? AND v.live = 1),
  (SELECT h.content FROM history h WHERE h.file = f.id ORDER BY h.id DESC LIMIT 1)
FROM file f LEFT JOIN content c ON c.id = f.content WHERE f.directory = ? AND f.state != 'gone'
"""


class DiskCheck:
    """One comparison of the disk with the catalog."""

    def __init__(self, config: Config, database: Database, now: float) -> None:
        self._config = config
        self._database = database
        self._now = now
        self._ignore = IgnoreRules(config.ignore, os.fsencode(config.state))
        model = current_model(database)
        self._model = None if model is None else model.id
        self._mounts = read_mounts()

    def findings(self) -> Iterator[CheckFinding]:
        """All that does not fit."""
        known = all_volumes(self._database)
        held = {volume.path for volume in known if volume.kind == "root"}
        for root in self._config.roots:
            if root not in held:
                yield CheckFinding("volume", root, "a root of the configuration that the catalog does not know")
        for volume in known:
            yield from compare_volume(volume, self._config.roots, self._mounts)
        hidden = {volume.path for volume in known if volume.kind != "root"}
        for volume in known:
            if volume.away is None and not _absence_reason(volume, self._mounts):
                yield from self._volume(volume, hidden)

    def _volume(self, volume: Volume, hidden: set[bytes]) -> Iterator[CheckFinding]:
        skip = (hidden | {mount.path for mount in self._mounts}) - {volume.path}
        met: set[int] = set()
        stack = [volume.path]
        while stack:
            path = stack.pop()
            id_ = directory_id(self._database, path)
            if id_ is not None:
                met.add(id_)
            try:
                entries = self._list(path, stack, skip)
            except (FileNotFoundError, NotADirectoryError):
                entries = {}
            except OSError as error:
                yield CheckFinding("unreadable", path, f"a directory that cannot be listed: {error.strerror}")
                continue
            yield from self._confirmed(path, entries, {} if id_ is None else self._rows(id_))
        yield from self._unmet(volume, met)

    def _list(self, path: bytes, stack: list[bytes], skip: set[bytes]) -> dict[bytes, DiskEntry]:
        found: dict[bytes, DiskEntry] = {}
        with os.scandir(path) as listing:
            for entry in listing:
                if self._ignore.name(entry.name):
                    continue
                try:
                    stat = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                what = file_kind(stat)
                if what != "directory":
                    found[entry.name] = DiskEntry(what, signature_of(stat))
                elif entry.path not in skip and not self._ignore.directory(entry.path):
                    stack.append(entry.path)
        return found

    def _rows(self, directory: int, name: bytes | None = None) -> dict[bytes, CatalogRow]:
        where, values = ("", ()) if name is None else (" AND f.name = ?", (name,))
        rows = self._database.rows(FILE_ROWS_SQL + where, self._model, directory, *values)
        return {
            row[0]: CatalogRow(row[1], Signature(*row[2:6]), row[6], row[7], row[8], row[9], bool(row[10]), row[11])
            for row in rows
        }

    def _confirmed(
        self, path: bytes, entries: dict[bytes, DiskEntry], rows: dict[bytes, CatalogRow]
    ) -> Iterator[CheckFinding]:
        """A service may be at work: what seems wrong is looked at once more, by itself."""
        for name in sorted(entries.keys() | rows.keys()):
            full = join_path(path, name)
            if any(compare_row(full, entries.get(name), rows.get(name), self._now)):
                yield from self.path(full)

    def path(self, path: bytes) -> Iterator[CheckFinding]:
        """What is wrong with one path, looked at now. A name that is ignored by now but stands there is no loss."""
        where, name = split_path(path)
        directory = directory_id(self._database, where)
        held = None if directory is None else self._rows(directory, name).get(name)
        try:
            found = lstat_or_none(path)
        except OSError:
            return  # its directory is told
        entry = (
            None
            if found is None or file_kind(found) == "directory"
            else DiskEntry(file_kind(found), signature_of(found))
        )
        if entry is not None and self._ignore.name(name):
            return
        yield from compare_row(path, entry, held, self._now)

    def _unmet(self, volume: Volume, met: set[int]) -> Iterator[CheckFinding]:
        """Rows in directories that the walk did not meet: their files have to be gone, unless they are ignored."""
        for id_, path in self._database.rows("SELECT id, path FROM directory WHERE volume = ?", volume.id):
            if id_ not in met and not is_real_directory(path, volume.path):
                for name, held in self._rows(id_).items():
                    yield CheckFinding("missing", join_path(path, name), f"{held.state} in the catalog, not on disk")


def compare_volume(volume: Volume, roots: tuple[bytes, ...], mounts: list[Mount]) -> Iterator[CheckFinding]:
    """Whether a volume is there exactly when the catalog says so."""
    if volume.kind == "blocked" or (volume.kind == "root" and volume.path not in roots):
        return
    absent = _absence_reason(volume, mounts)
    if absent and volume.away is None:
        yield CheckFinding("volume", volume.path, f"counts as present: {absent}")
    elif not absent and volume.away is not None:
        yield CheckFinding("volume", volume.path, f"is present, and counts as away ({volume.away})")
    elif not volume.identity and not absent:
        yield CheckFinding("volume", volume.path, "has no identity")


def _absence_reason(volume: Volume, mounts: list[Mount]) -> str:
    return judge_volume(volume.kind, volume.identity, observe_volume(volume.path, mounts))
