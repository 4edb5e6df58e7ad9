"""One worker process as its parent sees it: what it holds, since when, and how it ended."""

import multiprocessing
import time
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

from catalog.python_process import forkserver_context
from daemon.intake.worker import WorkerSettings, run_worker
from daemon.messages import ReadTask, WorkerDied, WorkerOutcome
from models.decode.reason import RejectReason

TASKS_PER_WORKER = 2  # tasks a worker holds: one in work, one ready, so that it never waits for us


class WorkerHandle:
    """A process that reads files, one at a time."""

    def __init__(self, slot: int, orders: WorkerSettings, hold: Callable[[int, int], None]) -> None:
        self._slot = slot
        self._hold = hold
        context = forkserver_context()
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(target=run_worker, args=(theirs, orders), daemon=True)
        self.process.start()
        theirs.close()
        self.tasks: deque[ReadTask] = deque()
        self.ready = False  # until it says so, its end is our fault and not a file's
        self._since = time.monotonic()

    def give(self, task: ReadTask) -> None:
        """Hand it a task. A dead worker takes it too: its end is told by `bury`."""
        if not self.tasks and self.ready:
            self._turn_to(task)
        self.tasks.append(task)
        try:
            self.pipe.send(task)
        except (BrokenPipeError, ConnectionResetError):
            return

    def _turn_to(self, task: ReadTask | None) -> None:
        self._since = time.monotonic()
        self._hold(self._slot, task.file if task else 0)

    def take(self) -> WorkerOutcome | None:
        """Its next outcome; None when it only says that it is ready. Raises EOFError once it has ended."""
        try:
            outcome: WorkerOutcome | None = self.pipe.recv()
        except OSError as error:
            raise EOFError from error
        if outcome is None:
            self.ready = True
            self._turn_to(self.tasks[0] if self.tasks else None)
            return None
        self.tasks.popleft()
        self._turn_to(self.tasks[0] if self.tasks else None)
        return outcome

    def overdue(self, seconds: float) -> bool:
        """Whether it works on one file for longer than that. One whose answer waits for us is not to blame."""
        return bool(self.tasks) and time.monotonic() - self._since > seconds and not self.pipe.poll()

    def kill(self) -> None:
        """End it at once."""
        self.process.kill()

    def bury(self, slow: bool) -> tuple[WorkerDied | None, list[ReadTask]]:
        """After its end: what it died of, if of a file, and the tasks it never began."""
        self.process.join(timeout=10)
        code = self.process.exitcode
        self.pipe.close()
        self._hold(self._slot, 0)
        held = list(self.tasks)
        if not held or not self.ready or (code == 0 and not slow):
            return None, held
        if slow:
            return WorkerDied(held[0], RejectReason.SLOW, "the time limit ended it"), held[1:]
        word = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        return WorkerDied(held[0], RejectReason.CRASH, word), held[1:]


def wait_for_pipes(pipes: list[Connection], seconds: float) -> list[object]:
    """Pipes that have something to say, or have closed."""
    return list(multiprocessing.connection.wait(pipes, seconds))
