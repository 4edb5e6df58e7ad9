"""Verify the copies to keep before any file is moved or deleted."""

import os
from collections.abc import Iterable, Sequence

from catalog.errors import error_text
from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.safe_read import Hashed, hash_from_disk
from catalog.filesystem.same_disk import SAME_FILE, directory_entries, disk_of, is_snapshot_of
from catalog.filesystem.stat_signature import lstat_or_none, signature_of
from catalog.filesystem.transient import IN_SNAPSHOT, transient_reason
from catalog.formatting import printable_path
from catalog.trash.outcome import Refusal
from catalog.trash.records import Survivor


class SurvivorVerifier:
    """Hashes the copies to keep. A survivor of many files is hashed once; after that its stat signature must match."""

    def __init__(self) -> None:
        self._verified: dict[bytes, Hashed] = {}
        self._links: dict[bytes, tuple[int, int]] = {}

    def require(self, groups: Iterable[Sequence[Survivor]], leaving: os.stat_result, path: bytes) -> list[Survivor]:
        """Return each group's first survivor with its bytes in another file than the one that leaves `path`.

        Raises Refusal if a group has none.
        """
        return [self._first(group, leaving, path) for group in groups]

    def require_link(self, links: Sequence[Survivor], leaving: os.stat_result, path: bytes) -> Survivor:
        """Return the first that is another name of the file that leaves `path`: it keeps the bytes.

        Through a bind mount or in another spelling it would be the same name once more. Raises Refusal if there is
        none.
        """
        inode = leaving.st_dev, leaving.st_ino
        entries = directory_entries([path, *(link.path for link in links)])
        for link in links:
            is_other_name = link.path in entries and path in entries and entries[link.path] != entries[path]
            if is_other_name and _inode(link.path) == inode and not _transient_reason(link.path):
                self._links[link.path] = inode
                return link
        raise Refusal("has no other name any more, and no other copy")

    def first_changed(self, survivors: list[Survivor]) -> Survivor | None:
        """Return the first survivor that is no longer as verified, or None.

        If one vanished together with the moved file, both were one file on a filesystem that is mounted twice, which
        device and inode do not always show.
        """
        return next((survivor for survivor in survivors if not self._remains(survivor)), None)

    def _remains(self, survivor: Survivor) -> bool:
        if survivor.path in self._links:  # its ctime changes with the number of its names
            return _inode(survivor.path) == self._links[survivor.path]
        return self._unchanged(survivor)

    def _first(self, group: Sequence[Survivor], leaving: os.stat_result, path: bytes) -> Survivor:
        reason = ""
        for survivor in group:
            problem = self._problem(survivor, leaving, path)
            if not problem:
                self._links.pop(survivor.path, None)
                return survivor
            reason = reason or f"the copy to keep is not verified: {printable_path(survivor.path)} {problem}"
        raise Refusal(reason or "no copy would be left")

    def _problem(self, survivor: Survivor, leaving: os.stat_result, path: bytes) -> str:
        transient = _transient_reason(survivor.path) or _snapshot_reason(survivor.path, path)
        if transient:
            return transient
        try:
            found = self._verified[survivor.path] if self._unchanged(survivor) else hash_from_disk(survivor.path)
        except FileNotFoundError:
            return "does not exist"
        except OSError as error:
            return f"cannot be read: {error_text(error)}"
        if found is None or found.sha256 != survivor.sha256:
            return "changed since it was read"
        self._verified[survivor.path] = found
        same_file = found.inode == (leaving.st_dev, leaving.st_ino)
        return SAME_FILE if same_file else ""

    def _unchanged(self, survivor: Survivor) -> bool:
        before = self._verified.get(survivor.path)
        try:
            found = os.lstat(survivor.path)
        except OSError:
            return False
        if before is None or before.sha256 != survivor.sha256:
            return False
        return before.stat.st_dev == found.st_dev and signature_of(before.stat) == signature_of(found)


def _transient_reason(path: bytes) -> str:
    return transient_reason(path) or transient_reason(os.path.realpath(path))


def _snapshot_reason(path: bytes, leaving: bytes) -> str:
    mounts = read_mounts()
    disk, other = (disk_of(os.path.dirname(one), mounts) for one in (path, leaving))
    return IN_SNAPSHOT if disk and other and is_snapshot_of(disk, other) else ""


def _inode(path: bytes) -> tuple[int, int] | None:
    try:
        found = lstat_or_none(path)
    except OSError:
        return None
    return None if found is None else (found.st_dev, found.st_ino)
