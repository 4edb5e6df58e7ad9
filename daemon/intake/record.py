"""Turn the outcome of reading a file into a change of the catalog."""

import stat
import time
from collections import Counter
from functools import partial

import structlog

from catalog.crash_points import crash_point
from catalog.files.decision import retry_delay, too_many_crashes
from catalog.files.observe import record_missing_path, record_sighting
from catalog.files.results import (
    accept_file,
    add_vector,
    count_attempt,
    declare_gone,
    ensure_content,
    give_up,
    postpone_reading,
    reject_file,
)
from catalog.filesystem.stat_signature import lstat_or_none, signature_of
from catalog.store.database import Database
from catalog.store.events import record_event
from catalog.store.isolation import isolated
from catalog.verdict.case import DAMAGE_VERDICTS, Verdict
from daemon.messages import AlreadyEmbedded, Embedded, FileChanged, FileResult, ReadTask, Rejected, WorkerDied
from daemon.scan.walk import make_sighting
from daemon.writer import Change
from models.decode.reason import RejectReason

DAY_SECONDS = 86400.0
CHANGED_RETRY_SECONDS = 1.0
CHANGED_LONG_RETRY_SECONDS = 60.0  # for a file that is written all the time: rarely, and no full pass waits for it
QUICK_RETRIES = 5
log = structlog.get_logger()


class ResultRecorder:
    """Records results for one model. `young_seconds`: a younger file that does not decode is tried again first."""

    def __init__(self, model: int, young_seconds: float) -> None:
        self._model = model
        self._young_seconds = young_seconds
        self._change_counts: Counter[int] = Counter()  # by file: how often in a row it changed while it was read

    def record(self, result: FileResult, database: Database) -> None:
        """Record a result. Call inside a transaction."""
        crash_point("record")
        now = time.time()
        isolated(
            database,
            partial(self._apply, database, result, now),
            partial(reject_unrecorded, database, task_of(result), now),
        )

    def _apply(self, database: Database, result: FileResult, now: float) -> None:
        if isinstance(result, Embedded):
            self._record_embedded(database, result, now)
        elif isinstance(result, AlreadyEmbedded):
            record_already_embedded(database, result, now)
        elif isinstance(result, Rejected):
            self._record_rejected(database, result, now)
        elif isinstance(result, FileChanged):
            self._change_counts[result.task.file] += 1
            often = self._change_counts[result.task.file] > QUICK_RETRIES
            delay = CHANGED_LONG_RETRY_SECONDS if often else CHANGED_RETRY_SECONDS
            if record_file_changed(database, result, now, delay):
                return
        else:
            record_worker_death(database, result, now)
        if self._change_counts:
            self._change_counts.pop(task_of(result).file, None)

    def _record_embedded(self, database: Database, result: Embedded, now: float) -> None:
        decoded, task = result.decoded, result.decoded.task
        content = ensure_content(database, decoded.sha256, task.signature.size, decoded.facts, decoded.blocks)
        verdict = accept_file(database, task.file, task.signature, content, now, result.comparison)
        add_vector(database, content, self._model, result.vector)
        report_verdict(database, task, verdict, now)

    def _record_rejected(self, database: Database, result: Rejected, now: float) -> None:
        task, seen = result.task, result.task.signature
        age = now - int(seen.ctime_ns) / 1e9
        if result.stage == "decode" and 0 <= age < self._young_seconds:
            postpone_reading(database, task.file, seen, now + max(self._young_seconds / 5, age), failed=False)
            return
        log.info("rejected", path=task.path, stage=result.stage, reason=str(result.reason), detail=result.detail)
        content = ensure_content(database, result.sha256, seen.size, None, result.blocks) if result.sha256 else None
        due = now + retry_delay(task.attempts) if result.transient else None
        verdict = reject_file(
            database, task.file, seen, result.reason, result.detail, content, now, due, result.comparison
        )
        report_verdict(database, task, verdict, now)


def reject_unrecorded(database: Database, task: ReadTask, now: float, problem: str) -> None:
    """Reject a file whose result cannot be recorded; it is tried again."""
    log.error("not_recorded", path=task.path, problem=problem)
    due = now + retry_delay(task.attempts)
    reject_file(database, task.file, task.signature, RejectReason.UNREADABLE, problem, None, now, due)


def record_already_embedded(database: Database, result: AlreadyEmbedded, now: float) -> None:
    """Record that the file holds a content that is embedded already."""
    task, seen = result.task, result.task.signature
    content = ensure_content(database, result.sha256, seen.size, None)
    report_verdict(database, task, accept_file(database, task.file, seen, content, now, result.comparison), now)


def report_verdict(database: Database, task: ReadTask, verdict: Verdict | None, now: float) -> None:
    """Log the verdict on a changed content; damage as a warning, and as an event in the catalog too."""
    if verdict is None:
        return
    if verdict.kind in DAMAGE_VERDICTS:
        log.warning("rot", path=task.path, verdict=str(verdict.kind), evidence=verdict.evidence)
        record_event(database, now, "rot", task.path, f"{verdict.kind}: {verdict.evidence}")
    else:
        log.info("changed", path=task.path, verdict=str(verdict.kind), evidence=verdict.evidence)


def task_of(result: FileResult) -> ReadTask:
    """Return the task that led to a result."""
    return result.decoded.task if isinstance(result, Embedded) else result.task


def record_file_changed(database: Database, result: FileChanged, now: float, delay: float) -> bool:
    """Record the file as it is on disk now, to be read after `delay` seconds; return whether there is one to read."""
    task = result.task
    try:
        found = lstat_or_none(task.path)
    except OSError as error:
        due = now + retry_delay(task.attempts)
        reject_file(database, task.file, task.signature, RejectReason.UNREADABLE, str(error), None, now, due)
        return False
    if found is None and task.content is not None:
        # A known file is declared missing by the watcher or by a scan, which can tell a mass deletion from a few.
        postpone_reading(database, task.file, task.signature, now + CHANGED_LONG_RETRY_SECONDS, failed=False)
        return True
    if found is None:
        record_missing_path(database, task.path, now)
    elif stat.S_ISREG(found.st_mode):
        postpone_reading(database, task.file, signature_of(found), now + delay, failed=False)
        return True
    elif stat.S_ISDIR(found.st_mode):
        declare_gone(database, task.file)
    else:
        record_sighting(database, make_sighting(task.path, found, now), now)
    return False


def record_worker_death(database: Database, result: WorkerDied, now: float) -> None:
    """Record that a worker died over the file: it is tried again twice, since that may be chance, then rejected."""
    task = result.task
    if too_many_crashes(task.attempts + 1):
        reject_file(database, task.file, task.signature, result.reason, result.detail, None, now, now + DAY_SECONDS)
    else:
        postpone_reading(database, task.file, task.signature, now + task.attempts, failed=True)


def service_crash_change(files: list[int]) -> Change:
    """Return the change that counts a failed attempt for each file that was being read when the service died."""

    def change(database: Database) -> None:
        for file in files:
            if too_many_crashes(count_attempt(database, file)):
                detail = "the service died three times while it read this file"
                give_up(database, file, RejectReason.CRASH, detail, time.time() + DAY_SECONDS)

    return change
