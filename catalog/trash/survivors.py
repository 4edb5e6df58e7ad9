"""Prove that what has to stay is there, before anything goes."""

import os
from collections.abc import Iterable, Sequence

from catalog.filesystem.safe_read import Hashed, hash_from_disk
from catalog.filesystem.stat_signature import signature_of
from catalog.filesystem.transient import transient_reason
from catalog.formatting import printable_path
from catalog.trash.outcome import Refusal, error_text
from catalog.trash.records import Survivor


class SurvivorVerifier:
    """Hashes what stays. Of many files that go for one that stays, that one is hashed for the first, and for the rest
    it has to be the same file, unchanged by its dates.
    """

    def __init__(self) -> None:
        self._proved: dict[bytes, Hashed] = {}

    def demand(self, groups: Iterable[Sequence[Survivor]], going: os.stat_result) -> list[Survivor]:
        """Of each group the first that stands with its bytes, in another file than the one that goes.

        Raises:
            Refusal: a group has none.
        """
        return [self._first(group, going) for group in groups]

    def still(self, stays: list[Survivor]) -> Survivor | None:
        """The first that no longer stands, now that the other is gone: then both were one file on a filesystem that is
        mounted twice, which device and inode do not always tell.
        """
        return next((stay for stay in stays if not self._unchanged(stay)), None)

    def _first(self, group: Sequence[Survivor], going: os.stat_result) -> Survivor:
        why = ""
        for stay in group:
            problem = self._problem(stay, going)
            if not problem:
                return stay
            why = why or f"what stays is not proved: {printable_path(stay.path)} {problem}"
        raise Refusal(why or "nothing stays")

    def _problem(self, stay: Survivor, going: os.stat_result) -> str:
        passing = transient_reason(stay.path) or transient_reason(os.path.realpath(stay.path))
        if passing:
            return passing
        try:
            found = self._proved[stay.path] if self._unchanged(stay) else hash_from_disk(stay.path)
        except FileNotFoundError:
            return "is not there"
        except OSError as error:
            return f"cannot be read: {error_text(error)}"
        if found is None or found.sha256 != stay.sha256:
            return "changed since it was read"
        self._proved[stay.path] = found
        same = found.inode == (going.st_dev, going.st_ino)
        return "is the same file under another name" if same else ""

    def _unchanged(self, stay: Survivor) -> bool:
        before = self._proved.get(stay.path)
        try:
            found = os.lstat(stay.path)
        except OSError:
            return False
        if before is None or before.sha256 != stay.sha256:
            return False
        return before.stat.st_dev == found.st_dev and signature_of(before.stat) == signature_of(found)
