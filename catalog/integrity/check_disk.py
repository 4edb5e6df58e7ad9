"""Walk every present volume and compare each path with its row; look again at everything that seems wrong."""

import os
from collections.abc import Iterator

from catalog.config.load import Config
from catalog.filesystem.ignore import IgnoreRules
from catalog.filesystem.listed_names import exists_as_listed
from catalog.filesystem.mounts import Mount, read_mounts
from catalog.filesystem.paths import at_or_inside, is_real_directory, join_path, split_path
from catalog.filesystem.stat_signature import Signature, file_kind, lstat_or_none, signature_of
from catalog.filesystem.volume_identity import absence_reason, observe_volume
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
        """Yield all differences."""
        volumes = all_volumes(self._database)
        known_roots = {volume.path for volume in volumes if volume.kind == "root"}
        for root in self._config.roots:
            if root not in known_roots:
                yield CheckFinding("volume", root, "a root of the configuration that is not in the catalog")
        for volume in volumes:
            yield from compare_volume(volume, self._config.roots, self._mounts)
        inner_volumes = {volume.path for volume in volumes}
        for volume in volumes:
            present = volume.away is None and not _absence_reason(volume, self._mounts)
            if present and is_configured(volume, self._config.roots):
                yield from self._volume(volume, inner_volumes)

    def _volume(self, volume: Volume, inner_volumes: set[bytes]) -> Iterator[CheckFinding]:
        skip = (inner_volumes | {mount.path for mount in self._mounts}) - {volume.path}
        seen: set[int] = set()
        stack = [volume.path]
        while stack:
            path = stack.pop()
            directory = directory_id(self._database, path)
            if directory is not None:
                seen.add(directory)
            try:
                entries = self._list(path, stack, skip)
            except (FileNotFoundError, NotADirectoryError):
                entries = {}
            except OSError as error:
                yield CheckFinding("unreadable", path, f"the directory cannot be listed: {error.strerror}")
                continue
            yield from self._confirmed(path, volume.path, entries, {} if directory is None else self._rows(directory))
        yield from self._unseen(volume, seen)

    def _list(self, path: bytes, stack: list[bytes], skip: set[bytes]) -> dict[bytes, DiskEntry]:
        found: dict[bytes, DiskEntry] = {}
        with os.scandir(path) as listing:
            for entry in listing:
                if self._ignore.ignores_name(entry.name):
                    continue
                try:
                    stat = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                kind = file_kind(stat)
                if kind != "directory":
                    found[entry.name] = DiskEntry(kind, signature_of(stat))
                elif entry.path not in skip and not self._ignore.ignores_directory(entry.path):
                    stack.append(entry.path)
        return found

    def _rows(self, directory: int, name: bytes | None = None) -> dict[bytes, CatalogRow]:
        where, values = ("", ()) if name is None else (" AND f.name = ?", (name,))
        rows = self._database.rows(FILE_ROWS_SQL + where, self._model, directory, *values)
        return {
            found: CatalogRow(
                state, Signature(size, mtime, ctime, inode), reason, due, content, bytes_, bool(embedded), history
            )
            for found, state, size, mtime, ctime, inode, reason, due, content, bytes_, embedded, history in rows
        }

    def _confirmed(
        self, path: bytes, top: bytes, entries: dict[bytes, DiskEntry], rows: dict[bytes, CatalogRow]
    ) -> Iterator[CheckFinding]:
        """Yield the differences in a directory; each is checked a second time, since a service may be at work."""
        for name in sorted(entries.keys() | rows.keys()):
            full = join_path(path, name)
            if any(compare_row(full, entries.get(name), rows.get(name), self._now)):
                yield from self.path(full, top)

    def path(self, path: bytes, top: bytes) -> Iterator[CheckFinding]:
        """Yield the differences at one path now, in the volume at `top`. A file that is ignored is not missing."""
        parent, name = split_path(path)
        directory = directory_id(self._database, parent)
        row = None if directory is None else self._rows(directory, name).get(name)
        try:
            found = lstat_or_none(path) if exists_as_listed(path, top) else None
        except OSError:
            return  # its directory is reported
        entry = (
            None
            if found is None or file_kind(found) == "directory"
            else DiskEntry(file_kind(found), signature_of(found))
        )
        if entry is not None and self._ignore.ignores_name(name):
            return
        yield from compare_row(path, entry, row, self._now)

    def _unseen(self, volume: Volume, seen: set[int]) -> Iterator[CheckFinding]:
        """Yield the files of directories that the walk did not see: they must be gone, unless they are ignored."""
        for directory, path in self._database.rows("SELECT id, path FROM directory WHERE volume = ?", volume.id):
            exists = is_real_directory(path, volume.path) and exists_as_listed(path, volume.path)
            if directory not in seen and not exists:
                for name, row in self._rows(directory).items():
                    yield CheckFinding("missing", join_path(path, name), f"{row.state} in the catalog, not on disk")


def compare_volume(volume: Volume, roots: tuple[bytes, ...], mounts: list[Mount]) -> Iterator[CheckFinding]:
    """Yield a finding where a volume is present on disk but away in the catalog, or the reverse."""
    if volume.kind == "blocked" or not is_configured(volume, roots):
        return
    reason = _absence_reason(volume, mounts)
    if reason and volume.away is None:
        yield CheckFinding("volume", volume.path, f"present in the catalog, but away: {reason}")
    elif not reason and volume.away is not None:
        yield CheckFinding("volume", volume.path, f"away in the catalog ({volume.away}), but present")
    elif not volume.identity and not reason:
        yield CheckFinding("volume", volume.path, "has no identity")


def is_configured(volume: Volume, roots: tuple[bytes, ...]) -> bool:
    """Return whether the volume is a root of the configuration, or inside one. Pure."""
    return any(at_or_inside(volume.path, root) for root in roots)


def _absence_reason(volume: Volume, mounts: list[Mount]) -> str:
    return absence_reason(volume.kind, volume.identity, observe_volume(volume.path, mounts))
