"""The worker pool: assign tasks, deliver outcomes, replace workers that ended."""

import os
import threading
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING

import structlog

from catalog.crash_points import crash_point
from catalog.errors import ResourceError
from daemon.intake.queue import TaskQueue
from daemon.intake.worker import WorkerSettings
from daemon.intake.worker_handle import TASKS_PER_WORKER, WorkerHandle
from daemon.messages import ReadTask, WorkerOutcome

if TYPE_CHECKING:
    from catalog.config.load import Config
    from models.recipe import Recipe

MAX_FAILED_STARTS = 5  # workers in a row that end during start-up: no file causes that, and a sixth would not help
POLL_SECONDS = 0.5  # between checks of the time limit while workers read
log = structlog.get_logger()


def worker_settings(config: "Config", model: int, recipe: "Recipe") -> WorkerSettings:
    """Return the settings of workers that read images for a model. `model`: its row id."""
    settings = config.intake
    return WorkerSettings(config.database, model, recipe, settings.memory_mb << 20, int(settings.max_megapixels * 1e6))


class WorkerPool:
    """Up to `workers` processes, 0 for one per processor. Runs in one thread.

    `set_in_flight(slot, file)` records what a worker reads. `time_limit`: seconds for one file. `deliver` may block,
    which slows reading down to the speed of the model. `on_idle` is called once every assigned file has been read.
    """

    def __init__(
        self,
        source: TaskQueue,
        settings: WorkerSettings,
        set_in_flight: Callable[[int, int], None],
        workers: int,
        time_limit: float,
        deliver: Callable[[WorkerOutcome], None],
        on_idle: Callable[[], None],
    ) -> None:
        self._source = source
        self._settings = settings
        self._set_in_flight = set_in_flight
        self._size = workers or len(os.sched_getaffinity(0))
        self._time_limit = time_limit
        self._deliver = deliver
        self._on_idle = on_idle
        self._busy = False
        self._workers: dict[int, WorkerHandle] = {}
        self._requeued: deque[ReadTask] = deque()
        self._failed_starts = 0

    def run(self, stop: threading.Event) -> None:
        """Thread body."""
        try:
            while not stop.is_set():
                self.step()
        finally:
            for worker in self._workers.values():
                worker.kill()

    def step(self) -> None:
        """Assign tasks, wait a while, and deliver the outcomes."""
        self._source.wake.clear()
        self._assign_tasks()
        busy = [worker for worker in self._workers.values() if worker.tasks]
        if not busy:
            if self._busy:
                self._on_idle()
            self._busy = False
            self._source.wake.wait(POLL_SECONDS)
            return
        self._busy = True
        pipes: list[Connection] = [worker.pipe for worker in busy]
        ready = set(map(id, wait(pipes, POLL_SECONDS)))
        for slot, worker in list(self._workers.items()):
            if id(worker.pipe) in ready:
                self._collect(slot, worker)
            elif worker.is_overdue(self._time_limit):
                worker.kill()
                self._replace(slot, worker, timed_out=True)

    def _assign_tasks(self) -> None:
        """Give each worker a first task, then each a second, so that two files are read in parallel."""
        for depth in range(TASKS_PER_WORKER):
            for slot in range(self._size):
                worker = self._workers.get(slot)
                if worker is not None and len(worker.tasks) > depth:
                    continue
                task = self._requeued.popleft() if self._requeued else self._source.take()
                if task is None:
                    return
                if worker is None:
                    worker = self._workers[slot] = WorkerHandle(slot, self._settings, self._set_in_flight)
                worker.submit(task)

    def _collect(self, slot: int, worker: WorkerHandle) -> None:
        try:
            outcome = worker.receive()
        except EOFError:
            self._replace(slot, worker, timed_out=False)
            return
        self._failed_starts = 0
        if outcome is not None:
            crash_point("intake.collect")
            self._deliver(outcome)

    def _replace(self, slot: int, worker: WorkerHandle, timed_out: bool) -> None:
        """Reap a worker; the next task for its slot starts a new one."""
        del self._workers[slot]
        death, unstarted = worker.reap(timed_out)
        self._failed_starts += not worker.ready
        if self._failed_starts >= MAX_FAILED_STARTS:
            raise ResourceError(
                "image workers exit during start-up",
                "See the log; the machine may have run out of memory or of processes.",
            )
        self._requeued.extend(unstarted)
        if death is not None:
            log.warning("worker_died", path=death.task.path, reason=death.reason, detail=death.detail)
            self._deliver(death)
