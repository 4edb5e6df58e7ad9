"""Verify the copies to keep before any file is moved or deleted."""

import os
from collections.abc import Iterable, Sequence

from catalog.errors import error_text
from catalog.filesystem.safe_read import Hashed, hash_from_disk
from catalog.filesystem.stat_signature import signature_of
from catalog.filesystem.transient import transient_reason
from catalog.formatting import printable_path
from catalog.trash.outcome import Refusal
from catalog.trash.records import Survivor


class SurvivorVerifier:
    """Hashes the copies to keep. A survivor of many files is hashed once; after that its stat signature must match."""

    def __init__(self) -> None:
        self._verified: dict[bytes, Hashed] = {}

    def require(self, groups: Iterable[Sequence[Survivor]], leaving: os.stat_result) -> list[Survivor]:
        """Return each group's first survivor with its bytes in another file than `leaving`. Raises Refusal without."""
        return [self._first(group, leaving) for group in groups]

    def first_changed(self, survivors: list[Survivor]) -> Survivor | None:
        """Return the first survivor that is no longer as verified, or None.

        If one vanished together with the moved file, both were one file on a filesystem that is mounted twice, which
        device and inode do not always show.
        """
        return next((survivor for survivor in survivors if not self._unchanged(survivor)), None)

    def _first(self, group: Sequence[Survivor], leaving: os.stat_result) -> Survivor:
        reason = ""
        for survivor in group:
            problem = self._problem(survivor, leaving)
            if not problem:
                return survivor
            reason = reason or f"the copy to keep is not verified: {printable_path(survivor.path)} {problem}"
        raise Refusal(reason or "no copy would be left")

    def _problem(self, survivor: Survivor, leaving: os.stat_result) -> str:
        transient = transient_reason(survivor.path) or transient_reason(os.path.realpath(survivor.path))
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
        return "is the same file under another name" if same_file else ""

    def _unchanged(self, survivor: Survivor) -> bool:
        before = self._verified.get(survivor.path)
        try:
            found = os.lstat(survivor.path)
        except OSError:
            return False
        if before is None or before.sha256 != survivor.sha256:
            return False
        return before.stat.st_dev == found.st_dev and signature_of(before.stat) == signature_of(found)
