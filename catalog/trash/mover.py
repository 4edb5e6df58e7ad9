"""Move files to the trash, one after another: verify, write the journal, claim a name there, rename.

The next command recovers from a kill between any two of these steps (catalog.trash.crash_recovery).
"""

import errno
import os
from collections.abc import Iterator
from contextlib import suppress

from catalog.crash_points import crash_point
from catalog.errors import error_text
from catalog.filesystem.rename import move_noreplace
from catalog.filesystem.safe_read import hash_from_disk
from catalog.filesystem.stat_signature import signature_of
from catalog.trash.info_file import trash_names, write_info
from catalog.trash.location import NOTHING_COPIED, make_trash
from catalog.trash.log import TrashLog
from catalog.trash.outcome import Refusal, TrashResult, result_of_move, result_of_record
from catalog.trash.plan import PlannedMove
from catalog.trash.records import Survivor, TrashRecord, begin_entry
from catalog.trash.survivors import SurvivorVerifier

CHANGED_SINCE_READ = "changed since it was read"


class Mover:
    """The moves of one command. `run` identifies it in the journal and has to be new."""

    def __init__(self, log: TrashLog, run: str) -> None:
        self._log, self._run, self._verifier = log, run, SurvivorVerifier()
        self._count = 0
        self._names: dict[bytes, Iterator[bytes]] = {}

    def move(self, move: PlannedMove) -> TrashResult:
        """Move one file. A problem of the file is returned; JournalError and StoreError are raised: then stop."""
        try:
            survivors, seen = self._verify(move)
            make_trash(move.trash)
            record = self._claim(move, survivors)
        except Refusal as refusal:
            return result_of_move(move, str(refusal))
        except OSError as error:
            return result_of_move(move, f"cannot be moved: {error_text(error)}")
        try:
            self._rename(record, seen)
        except Refusal as refusal:
            return self._withdraw(move, record, str(refusal))
        problem = self._problem_after_move(record, survivors, seen)
        return self._put_back(move, record, problem) if problem else self._done(record)

    def _verify(self, move: PlannedMove) -> tuple[list[Survivor], os.stat_result]:
        """Verify the survivors first, so that as little time as possible passes between the file's hash and its move.

        Returns the survivors, and the stat result of the hashed file. Raises Refusal.
        """
        try:
            leaving = os.lstat(move.path)
            survivors = self._verifier.require(move.survivor_groups, leaving, move.path)
            if move.needs_link:
                survivors.append(self._verifier.require_link(move.links, leaving, move.path))
            found = hash_from_disk(move.path)
        except FileNotFoundError:
            raise Refusal("does not exist") from None
        except OSError as error:
            raise Refusal(f"cannot be read: {error_text(error)}") from error
        if found is None or found.sha256 != move.sha256:
            raise Refusal(CHANGED_SINCE_READ)
        return survivors, found.stat

    def _claim(self, move: PlannedMove, survivors: list[Survivor]) -> TrashRecord:
        """Return a record that is in the journal and whose name in the trash is ours. On OSError nothing is claimed."""
        self._count += 1
        record = self._new_record(move, survivors)
        while True:
            if not os.path.lexists(record.trash_path) and not os.path.lexists(record.info_path):
                self._log.record_begin(begin_entry(record))
                crash_point("trash.begun")
                try:
                    write_info(record.info_path, record.info_text)
                except FileExistsError:  # another program was faster: the next line of this id has another name
                    pass
                except OSError:
                    self._log.record_end(record, "trash", "undone")
                    raise
                else:
                    crash_point("trash.info")
                    return record
            record = self._new_record(move, survivors)

    def _new_record(self, move: PlannedMove, survivors: list[Survivor]) -> TrashRecord:
        wanted = os.path.join(move.trash.files, os.path.basename(move.path))
        name = next(self._names.setdefault(wanted, trash_names(os.path.basename(move.path))))
        return TrashRecord(
            id=f"{self._run}-{self._count}",
            at=self._log.clock(),
            path=move.path,
            sha256=move.sha256,
            size=move.size,
            trash_path=os.path.join(move.trash.files, name),
            path_in_info=move.trash.path_in_info(move.path),
            kept_copy=move.named_survivor or next(iter(survivors), None),
        )

    def _rename(self, record: TrashRecord, seen: os.stat_result) -> None:
        """Rename the file into the trash. On Refusal it is still at its place."""
        try:
            if not _is_same_file(os.lstat(record.path), seen):
                raise Refusal(CHANGED_SINCE_READ)
            move_noreplace(record.path, record.trash_path)
        except OSError as error:
            raise Refusal(_move_problem(error)) from error
        crash_point("trash.moved")

    def _problem_after_move(self, record: TrashRecord, survivors: list[Survivor], seen: os.stat_result) -> str:
        """Return why the file has to go back, because it or a survivor changed between check and rename; else ""."""
        with suppress(OSError):
            if not _is_same_file(os.lstat(record.trash_path), seen, moved=True):
                return CHANGED_SINCE_READ
        if self._verifier.first_changed(survivors) is not None:
            return "is the same file as the copy to keep, on a disk that is mounted twice"
        return ""

    def _done(self, record: TrashRecord, warning: str | None = None) -> TrashResult:
        self._log.record_end(record, "trash", "done")
        return result_of_record(record, record.trash_path, done=True, warning=warning)

    def _put_back(self, move: PlannedMove, record: TrashRecord, problem: str) -> TrashResult:
        try:
            move_noreplace(record.trash_path, record.path)
        except OSError as error:
            return self._done(record, f"{problem}, and could not be put back: {error_text(error)}")
        return self._withdraw(move, record, problem)

    def _withdraw(self, move: PlannedMove, record: TrashRecord, reason: str) -> TrashResult:
        with suppress(OSError):
            os.unlink(record.info_path)
        self._log.record_end(record, "trash", "undone")
        return result_of_move(move, reason)


def _is_same_file(now: os.stat_result, seen: os.stat_result, moved: bool = False) -> bool:
    """Return whether it is the file that was hashed, unchanged. A rename may change its ctime, and nothing else."""
    if (now.st_dev, now.st_ino) != (seen.st_dev, seen.st_ino):
        return False
    before, after = signature_of(seen), signature_of(now)
    return (before.size, before.mtime_ns) == (after.size, after.mtime_ns) if moved else before == after


def _move_problem(error: OSError) -> str:
    if isinstance(error, FileNotFoundError):
        return "does not exist"
    if error.errno == errno.EXDEV:
        return f"is on another filesystem than its trash; {NOTHING_COPIED}"
    return f"cannot be moved: {error_text(error)}"
