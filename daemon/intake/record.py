"""Turn each outcome of reading into a change of the catalog."""

import stat
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

import structlog

from catalog.crash_points import point
from catalog.errors import RowFault
from catalog.files.decision import back_off, struck_out
from catalog.files.observe import miss, see
from catalog.files.results import accept, add_vector, content_id, count_attempt, declare_gone, give_up, postpone, reject
from catalog.filesystem.stat_signature import look, signature
from catalog.store.database import Database
from catalog.store.events import note
from catalog.verdict.case import DAMAGING, Verdict
from daemon.messages import Decoded, Died, Embedded, Outcome, Recognised, Rejected, Restless, Task
from daemon.scan.walk import sighting
from daemon.writer import Change
from models.decode.reason import Reason

DAY = 86400.0
RESTLESS_SECONDS = 1.0
RESTLESS_LONG = 60.0  # for a file that is written all the time: looked at now and then, and no pass waits for it
PATIENCE = 5
log = structlog.get_logger()

Result = Embedded | Recognised | Rejected | Restless | Died


class Recorder:
    """Knows the model that vectors belong to, and how long a fresh file may still be in the making.

    `young_seconds`: a file younger than that which does not decode may be half-written: it is tried again before
    the verdict counts.
    """

    def __init__(self, model: int, young_seconds: float) -> None:
        self._model = model
        self._young = young_seconds
        self._restless: Counter[int] = Counter()

    def change(self, result: Result) -> Change:
        """The change that records one result."""
        return partial(self._record, result)

    def _record(self, result: Result, database: Database) -> None:
        point("record")
        now = time.time()
        try:
            with database.savepoint():
                self._apply(database, result, now)
        except RowFault as fault:
            task = task_of(result)
            due = now + back_off(task.attempts)
            log.error("not_recorded", path=task.path, problem=fault.problem)
            reject(database, task.file, task.signature, Reason.UNREADABLE, fault.problem, None, now, due)

    def _apply(self, database: Database, result: Result, now: float) -> None:
        if isinstance(result, Embedded):
            self._embedded(database, result, now)
        elif isinstance(result, Recognised):
            self._recognised(database, result, now)
        elif isinstance(result, Rejected):
            self._rejected(database, result, now)
        elif isinstance(result, Restless):
            self._restless[result.task.file] += 1
            restless = self._restless[result.task.file] > PATIENCE
            if look_again(database, result, now, RESTLESS_LONG if restless else RESTLESS_SECONDS):
                return
        else:
            died(database, result, now)
        if self._restless:
            self._restless.pop(task_of(result).file, None)

    def _embedded(self, database: Database, result: Embedded, now: float) -> None:
        decoded = result.decoded
        seen = decoded.task.signature
        content = content_id(database, decoded.sha256, seen.size, decoded.facts, decoded.blocks)
        verdict = accept(database, decoded.task.file, seen, content, now, result.clues)
        add_vector(database, content, self._model, result.vector)
        tell(database, decoded.task, verdict, now)

    def _recognised(self, database: Database, result: Recognised, now: float) -> None:
        seen = result.task.signature
        content = content_id(database, result.sha256, seen.size, None)
        tell(database, result.task, accept(database, result.task.file, seen, content, now, result.clues), now)

    def _rejected(self, database: Database, result: Rejected, now: float) -> None:
        task = result.task
        age = now - int(task.signature.ctime_ns) / 1e9
        if result.stage == "decode" and 0 <= age < self._young:
            postpone(database, task.file, task.signature, now + max(self._young / 5, age), failed=False)
            return
        log.info("rejected", path=task.path, stage=result.stage, reason=str(result.reason), detail=result.detail)
        content = None
        if result.sha256:
            content = content_id(database, result.sha256, task.signature.size, None, result.blocks)
        due = now + back_off(task.attempts) if result.transient else None
        why = (result.reason, result.detail)
        tell(database, task, reject(database, task.file, task.signature, *why, content, now, due, result.clues), now)


def tell(database: Database, task: Task, verdict: Verdict | None, now: float) -> None:
    """Say what became of known bytes; damage loudly, and in the journal of the catalog."""
    if verdict is None:
        return
    if verdict.word in DAMAGING:
        log.warning("rot", path=task.path, verdict=str(verdict.word), evidence=verdict.evidence)
        note(database, now, "rot", task.path, f"{verdict.word}: {verdict.evidence}")
    else:
        log.info("changed", path=task.path, verdict=str(verdict.word), evidence=verdict.evidence)


def task_of(result: Result) -> Task:
    """The task that led to a result."""
    return result.decoded.task if isinstance(result, Embedded) else result.task


def look_again(database: Database, result: Restless, now: float, rest: float) -> bool:
    """The file was not what was known: believe what stands there now, and read it after `rest` seconds. False where
    there is no file to read any more.
    """
    task = result.task
    try:
        found = look(task.path)
    except OSError as error:
        due = now + back_off(task.attempts)
        reject(database, task.file, task.signature, Reason.UNREADABLE, str(error), None, now, due)
        return False
    if found is None and task.content is not None:
        # Known bytes end by what the kernel tells or by a scan, which knows how much else is missing: see the brake.
        postpone(database, task.file, task.signature, now + RESTLESS_LONG, failed=False)
        return True
    if found is None:
        miss(database, task.path, now)
    elif stat.S_ISREG(found.st_mode):
        postpone(database, task.file, signature(found), now + rest, failed=False)
        return True
    elif stat.S_ISDIR(found.st_mode):
        declare_gone(database, task.file)
    else:
        see(database, sighting(task.path, found, now), now)
    return False


def died(database: Database, result: Died, now: float) -> None:
    """A worker was lost over the file: once or twice may be chance, the third time it is the file."""
    task = result.task
    if struck_out(task.attempts + 1):
        reject(database, task.file, task.signature, result.reason, result.detail, None, now, now + DAY)
    else:
        postpone(database, task.file, task.signature, now + task.attempts, failed=True)


def blame(files: list[int]) -> Change:
    """Files that were in hand when the service itself died: each gets a strike."""

    def change(database: Database) -> None:
        for file in files:
            if struck_out(count_attempt(database, file)):
                detail = "the service died three times while it was being read"
                give_up(database, file, Reason.CRASH, detail, time.time() + DAY)

    return change


Deliver = Callable[[Outcome], None]


def route(put: Callable[[Decoded], None], write: Callable[[Result], None]) -> Deliver:
    """Send decoded images to the embedder and all else to the writer."""

    def deliver(outcome: Outcome) -> None:
        if isinstance(outcome, Decoded):
            put(outcome)
        else:
            write(outcome)

    return deliver
