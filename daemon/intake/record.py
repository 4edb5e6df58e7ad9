"""Turn each outcome of reading into a change of the catalog."""

import stat
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import structlog

from catalog.crash_points import crash_point
from catalog.errors import UnstorableValueError
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
from catalog.verdict.case import DAMAGE_VERDICTS, Verdict
from daemon.messages import (
    AlreadyEmbedded,
    Decoded,
    Embedded,
    FileChanged,
    ReadTask,
    Rejected,
    WorkerDied,
    WorkerOutcome,
)
from daemon.scan.walk import sighting
from daemon.writer import Change
from models.decode.reason import RejectReason

DAY_SECONDS = 86400.0
CHANGED_RETRY_SECONDS = 1.0
CHANGED_LONG_RETRY_SECONDS = (
    60.0  # for a file that is written all the time: looked at now and then, and no pass waits for it
)
QUICK_RETRIES = 5
log = structlog.get_logger()

FileResult = Embedded | AlreadyEmbedded | Rejected | FileChanged | WorkerDied


class ResultRecorder:
    """Knows the model that vectors belong to, and how long a fresh file may still be in the making.

    `young_seconds`: a file younger than that which does not decode may be half-written: it is tried again before
    the verdict counts.
    """

    def __init__(self, model: int, young_seconds: float) -> None:
        self._model = model
        self._young = young_seconds
        self._restless: Counter[int] = Counter()

    def change(self, result: FileResult) -> Change:
        """The change that records one result."""
        return partial(self._record, result)

    def _record(self, result: FileResult, database: Database) -> None:
        crash_point("record")
        now = time.time()
        try:
            with database.savepoint():
                self._apply(database, result, now)
        except UnstorableValueError as fault:
            task = task_of(result)
            due = now + retry_delay(task.attempts)
            log.error("not_recorded", path=task.path, problem=fault.problem)
            reject_file(database, task.file, task.signature, RejectReason.UNREADABLE, fault.problem, None, now, due)

    def _apply(self, database: Database, result: FileResult, now: float) -> None:
        if isinstance(result, Embedded):
            self._embedded(database, result, now)
        elif isinstance(result, AlreadyEmbedded):
            self._recognised(database, result, now)
        elif isinstance(result, Rejected):
            self._rejected(database, result, now)
        elif isinstance(result, FileChanged):
            self._restless[result.task.file] += 1
            restless = self._restless[result.task.file] > QUICK_RETRIES
            if record_file_changed(
                database, result, now, CHANGED_LONG_RETRY_SECONDS if restless else CHANGED_RETRY_SECONDS
            ):
                return
        else:
            record_worker_death(database, result, now)
        if self._restless:
            self._restless.pop(task_of(result).file, None)

    def _embedded(self, database: Database, result: Embedded, now: float) -> None:
        decoded = result.decoded
        seen = decoded.task.signature
        content = ensure_content(database, decoded.sha256, seen.size, decoded.facts, decoded.blocks)
        verdict = accept_file(database, decoded.task.file, seen, content, now, result.comparison)
        add_vector(database, content, self._model, result.vector)
        report_verdict(database, decoded.task, verdict, now)

    def _recognised(self, database: Database, result: AlreadyEmbedded, now: float) -> None:
        seen = result.task.signature
        content = ensure_content(database, result.sha256, seen.size, None)
        report_verdict(
            database, result.task, accept_file(database, result.task.file, seen, content, now, result.comparison), now
        )

    def _rejected(self, database: Database, result: Rejected, now: float) -> None:
        task = result.task
        age = now - int(task.signature.ctime_ns) / 1e9
        if result.stage == "decode" and 0 <= age < self._young:
            postpone_reading(database, task.file, task.signature, now + max(self._young / 5, age), failed=False)
            return
        log.info("rejected", path=task.path, stage=result.stage, reason=str(result.reason), detail=result.detail)
        content = None
        if result.sha256:
            content = ensure_content(database, result.sha256, task.signature.size, None, result.blocks)
        due = now + retry_delay(task.attempts) if result.transient else None
        why = (result.reason, result.detail)
        report_verdict(
            database,
            task,
            reject_file(database, task.file, task.signature, *why, content, now, due, result.comparison),
            now,
        )


def report_verdict(database: Database, task: ReadTask, verdict: Verdict | None, now: float) -> None:
    """Say what became of known bytes; damage loudly, and in the journal of the catalog."""
    if verdict is None:
        return
    if verdict.word in DAMAGE_VERDICTS:
        log.warning("rot", path=task.path, verdict=str(verdict.word), evidence=verdict.evidence)
        record_event(database, now, "rot", task.path, f"{verdict.word}: {verdict.evidence}")
    else:
        log.info("changed", path=task.path, verdict=str(verdict.word), evidence=verdict.evidence)


def task_of(result: FileResult) -> ReadTask:
    """The task that led to a result."""
    return result.decoded.task if isinstance(result, Embedded) else result.task


def record_file_changed(database: Database, result: FileChanged, now: float, rest: float) -> bool:
    """The file was not what was known: believe what stands there now, and read it after `rest` seconds. False where
    there is no file to read any more.
    """
    task = result.task
    try:
        found = lstat_or_none(task.path)
    except OSError as error:
        due = now + retry_delay(task.attempts)
        reject_file(database, task.file, task.signature, RejectReason.UNREADABLE, str(error), None, now, due)
        return False
    if found is None and task.content is not None:
        # Known bytes end by what the kernel tells or by a scan, which knows how much else is missing: see the brake.
        postpone_reading(database, task.file, task.signature, now + CHANGED_LONG_RETRY_SECONDS, failed=False)
        return True
    if found is None:
        record_missing_path(database, task.path, now)
    elif stat.S_ISREG(found.st_mode):
        postpone_reading(database, task.file, signature_of(found), now + rest, failed=False)
        return True
    elif stat.S_ISDIR(found.st_mode):
        declare_gone(database, task.file)
    else:
        record_sighting(database, sighting(task.path, found, now), now)
    return False


def record_worker_death(database: Database, result: WorkerDied, now: float) -> None:
    """A worker was lost over the file: once or twice may be chance, the third time it is the file."""
    task = result.task
    if too_many_crashes(task.attempts + 1):
        reject_file(database, task.file, task.signature, result.reason, result.detail, None, now, now + DAY_SECONDS)
    else:
        postpone_reading(database, task.file, task.signature, now + task.attempts, failed=True)


def service_crash_change(files: list[int]) -> Change:
    """Files that were in hand when the service itself died: each gets a strike."""

    def change(database: Database) -> None:
        for file in files:
            if too_many_crashes(count_attempt(database, file)):
                detail = "the service died three times while it was being read"
                give_up(database, file, RejectReason.CRASH, detail, time.time() + DAY_SECONDS)

    return change


DeliverOutcome = Callable[[WorkerOutcome], None]


def outcome_router(put: Callable[[Decoded], None], write: Callable[[FileResult], None]) -> DeliverOutcome:
    """Send decoded images to the embedder and all else to the writer."""

    def deliver(outcome: WorkerOutcome) -> None:
        if isinstance(outcome, Decoded):
            put(outcome)
        else:
            write(outcome)

    return deliver
