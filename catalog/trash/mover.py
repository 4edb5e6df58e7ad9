"""Move files to the trash, one after the other: prove, write down, claim a name there, rename.

A kill between any two of these steps is healed by the next command (catalog.trash.crash_recovery).
"""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress

from catalog.crash_points import crash_point
from catalog.filesystem.rename import move_noreplace
from catalog.filesystem.safe_read import hash_from_disk
from catalog.filesystem.stat_signature import signature_of
from catalog.trash.info_file import trash_names, write_info
from catalog.trash.location import NOTHING_COPIED, make_trash
from catalog.trash.log import TrashLog
from catalog.trash.outcome import Refusal, TrashResult, error_text, result_of_move, result_of_record
from catalog.trash.plan import PlannedMove
from catalog.trash.records import Survivor, TrashRecord, begin_entry
from catalog.trash.survivors import SurvivorVerifier

CHANGED_SINCE_READ = "changed since it was read"


class Mover:
    """One run. `run` names it in the journal and has to be new."""

    def __init__(self, ledger: TrashLog, run: str) -> None:
        self._ledger, self._run, self._guard = ledger, run, SurvivorVerifier()
        self._count = 0
        self._names: dict[bytes, Iterator[bytes]] = {}

    def move(self, victim: PlannedMove) -> TrashResult:
        """Never raises for what is the file's own. Raises JournalFault, StoreFault: then nothing is to be begun."""
        try:
            stays, seen = self._prove(victim)
            make_trash(victim.trash)
            deed = self._claim(victim, stays)
        except Refusal as refusal:
            return result_of_move(victim, str(refusal))
        except OSError as error:
            return result_of_move(victim, f"cannot be moved: {error_text(error)}")
        try:
            self._rename(deed, seen)
        except Refusal as refusal:
            return self._withdraw(victim, deed, str(refusal))
        wrong = self._second_thoughts(deed, stays, seen)
        return self._put_back(victim, deed, wrong) if wrong else self._done(deed)

    def _prove(self, victim: PlannedMove) -> tuple[list[Survivor], os.stat_result]:
        """What stays first, so that as little as possible lies between the victim's hash and its move."""
        try:
            stays = self._guard.demand(victim.guards, os.lstat(victim.path))
            found = hash_from_disk(victim.path)
        except FileNotFoundError:
            raise Refusal("is not there") from None
        except OSError as error:
            raise Refusal(f"cannot be read: {error_text(error)}") from error
        if found is None or found.sha256 != victim.sha256:
            raise Refusal(CHANGED_SINCE_READ)
        return stays, found.stat

    def _claim(self, victim: PlannedMove, stays: list[Survivor]) -> TrashRecord:
        """A deed that is written down and whose name in the trash is ours. Raises OSError; then nothing is claimed."""
        self._count += 1
        deed = self._deed(victim, stays)
        while True:
            if not os.path.lexists(deed.to) and not os.path.lexists(deed.info):
                self._ledger.begins(begin_entry(deed))
                crash_point("trash.begun")
                try:
                    write_info(deed.info, deed.info_text)
                except FileExistsError:  # somebody else was faster: the next line of this id has another place
                    pass
                except OSError:
                    self._ledger.ends(deed, "trash", "undone")
                    raise
                else:
                    crash_point("trash.info")
                    return deed
            deed = self._deed(victim, stays)

    def _deed(self, victim: PlannedMove, stays: list[Survivor]) -> TrashRecord:
        place = os.path.join(victim.trash.files, os.path.basename(victim.path))
        name = next(self._names.setdefault(place, trash_names(os.path.basename(victim.path))))
        instead = victim.named or (stays[0] if stays else None)
        now, told = self._ledger.clock(), victim.trash.told(victim.path)
        to = os.path.join(victim.trash.files, name)
        return TrashRecord(
            f"{self._run}-{self._count}", now, victim.path, victim.sha256, victim.size, to, told, instead
        )

    def _rename(self, deed: TrashRecord, seen: os.stat_result) -> None:
        """Raises Refusal; the file is at its place then."""
        try:
            if not _is_same_file(os.lstat(deed.path), seen):
                raise Refusal(CHANGED_SINCE_READ)
            move_noreplace(deed.path, deed.to)
        except OSError as error:
            raise Refusal(_move_problem(error)) from error
        crash_point("trash.moved")

    def _second_thoughts(self, deed: TrashRecord, stays: list[Survivor], seen: os.stat_result) -> str:
        """Why the file has to go back: between a look and a rename there is always a moment. "" if all is well."""
        with suppress(OSError):
            if not _is_same_file(os.lstat(deed.to), seen, moved=True):
                return CHANGED_SINCE_READ
        if self._guard.still(stays) is not None:
            return "is the same file as the one that should stay, on a disk that is mounted twice"
        return ""

    def _done(self, deed: TrashRecord, warning: str | None = None) -> TrashResult:
        self._ledger.ends(deed, "trash", "done")
        return result_of_record(deed, deed.to, done=True, warning=warning)

    def _put_back(self, victim: PlannedMove, deed: TrashRecord, why: str) -> TrashResult:
        try:
            move_noreplace(deed.to, deed.path)
        except OSError as error:
            return self._done(deed, f"{why}, and could not be put back: {error_text(error)}")
        return self._withdraw(victim, deed, why)

    def _withdraw(self, victim: PlannedMove, deed: TrashRecord, why: str) -> TrashResult:
        with suppress(OSError):
            os.unlink(deed.info)
        self._ledger.ends(deed, "trash", "undone")
        return result_of_move(victim, why)


def _is_same_file(now: os.stat_result, seen: os.stat_result, moved: bool = False) -> bool:
    """Whether it is the very file that was hashed. A rename may change its ctime, and nothing else."""
    if (now.st_dev, now.st_ino) != (seen.st_dev, seen.st_ino):
        return False
    before, after = signature_of(seen), signature_of(now)
    return (before.size, before.mtime_ns) == (after.size, after.mtime_ns) if moved else before == after


def _move_problem(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "is not there"
    if error.errno == errno.EXDEV:
        return f"lies on another filesystem than its trash; {NOTHING_COPIED}"
    return f"cannot be moved: {error_text(error)}"
