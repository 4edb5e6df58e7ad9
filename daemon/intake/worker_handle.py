"""A worker process, as the pool sees it: its tasks, since when it reads the current one, and how it ended."""

import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.process import BaseProcess

from catalog.python_process import forkserver_context
from daemon.intake.worker import WorkerSettings, run_worker
from daemon.messages import ReadTask, WorkerDied, WorkerOutcome
from models.decode.reason import RejectReason

TASKS_PER_WORKER = 2  # one being read and one ready, so that a worker never waits for the pool


class WorkerHandle:
    """A process that reads files, one at a time. `tasks`: the one being read first."""

    def __init__(self, slot: int, settings: WorkerSettings, set_in_flight: Callable[[int, int], None]) -> None:
        self._slot = slot
        self._set_in_flight = set_in_flight
        context = forkserver_context()
        self.pipe, child_pipe = context.Pipe()
        self.process: BaseProcess = context.Process(target=run_worker, args=(child_pipe, settings), daemon=True)
        self.process.start()
        child_pipe.close()
        self.tasks: deque[ReadTask] = deque()
        self.ready = False  # until the worker says so, its death is the service's fault and not a file's
        self._started_at = time.monotonic()

    def submit(self, task: ReadTask) -> None:
        """Send a task. A dead worker takes it too, and `reap` returns it."""
        if not self.tasks and self.ready:
            self._begin(task)
        self.tasks.append(task)
        with suppress(BrokenPipeError, ConnectionResetError):
            self.pipe.send(task)

    def _begin(self, task: ReadTask | None) -> None:
        """Note that the worker now reads `task`."""
        self._started_at = time.monotonic()
        self._set_in_flight(self._slot, task.file if task else 0)

    def receive(self) -> WorkerOutcome | None:
        """Return the next outcome; None: the worker is ready. Raises EOFError if the process has ended."""
        try:
            outcome: WorkerOutcome | None = self.pipe.recv()
        except OSError as error:
            raise EOFError from error
        if outcome is None:
            self.ready = True
        else:
            self.tasks.popleft()
        self._begin(self.tasks[0] if self.tasks else None)
        return outcome

    def is_overdue(self, time_limit: float) -> bool:
        """Return whether the worker has read one file for more than `time_limit` seconds and has not yet answered."""
        return bool(self.tasks) and time.monotonic() - self._started_at > time_limit and not self.pipe.poll()

    def kill(self) -> None:
        """Kill the process."""
        self.process.kill()

    def reap(self, timed_out: bool) -> tuple[WorkerDied | None, list[ReadTask]]:
        """Reap the process; return the failure to report, if a file caused it, and the unstarted tasks."""
        self.process.join(timeout=10)
        code = self.process.exitcode
        self.pipe.close()
        self._set_in_flight(self._slot, 0)
        tasks = list(self.tasks)
        if not tasks or not self.ready or (code == 0 and not timed_out):
            return None, tasks
        current, *unstarted = tasks
        if timed_out:
            return WorkerDied(current, RejectReason.SLOW, "reading was stopped at the time limit"), unstarted
        detail = f"signal {-code}" if code is not None and code < 0 else f"exit status {code}"
        return WorkerDied(current, RejectReason.CRASH, detail), unstarted
