"""Keep the worker processes busy: hand out tasks, pass outcomes on, replace the dead."""

import os
import threading
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Protocol

import structlog

from catalog.crash_points import crash_point
from catalog.errors import ResourceError
from daemon.intake.worker import WorkerSettings
from daemon.intake.worker_handle import TASKS_PER_WORKER, WorkerHandle, wait_for_pipes
from daemon.messages import ReadTask, WorkerOutcome

if TYPE_CHECKING:
    from catalog.config.load import Config
    from models.recipe import Recipe

MAX_FAILED_STARTS = 5  # workers that end before their first word: no file is to blame, and a sixth would not help
POLL_SECONDS = 0.5  # seconds between looks at the clock while workers work
log = structlog.get_logger()


def worker_settings(config: "Config", model: int, recipe: "Recipe") -> WorkerSettings:
    """What the configuration says to readers for a model."""
    settings = config.intake
    return WorkerSettings(config.database, model, recipe, settings.memory_mb << 20, int(settings.max_megapixels * 1e6))


class TaskSource(Protocol):
    """Where tasks come from; `wake` is set when there may be new ones."""

    wake: threading.Event

    def take(self) -> ReadTask | None:
        """The next task, or None while nothing is due."""


class WorkerPool:
    """Runs in one thread. `deliver` may block: that is how a slow model slows reading down. `rest` is called when all
    that was handed out is read.
    """

    def __init__(
        self,
        feed: TaskSource,
        orders: WorkerSettings,
        hold: Callable[[int, int], None],
        workers: int,
        seconds: float,
        deliver: Callable[[WorkerOutcome], None],
        rest: Callable[[], None],
    ) -> None:
        self._feed = feed
        self._orders = orders
        self._hold = hold
        self._workers = workers or len(os.sched_getaffinity(0))
        self._seconds = seconds
        self._deliver = deliver
        self._rest = rest
        self._at_work = False
        self._crew: dict[int, WorkerHandle] = {}
        self._again: deque[ReadTask] = deque()
        self._stillborn = 0

    def run(self, stop: threading.Event) -> None:
        """Thread body."""
        try:
            while not stop.is_set():
                self.step()
        finally:
            for hand in self._crew.values():
                hand.kill()

    def step(self) -> None:
        """One round: hand out, wait, collect."""
        self._feed.wake.clear()
        self._hand_out()
        busy = [hand for hand in self._crew.values() if hand.tasks]
        if not busy:
            if self._at_work:
                self._rest()
            self._at_work = False
            self._feed.wake.wait(POLL_SECONDS)
            return
        self._at_work = True
        pipes: list[Connection] = [hand.pipe for hand in busy]
        ready = set(map(id, wait_for_pipes(pipes, POLL_SECONDS)))
        for slot, hand in list(self._crew.items()):
            if id(hand.pipe) in ready:
                self._collect(slot, hand)
            elif hand.overdue(self._seconds):
                hand.kill()
                self._replace(slot, hand, slow=True)

    def _hand_out(self) -> None:
        """A first task for each worker, then a second: two files that came alone are read side by side."""
        for depth in range(TASKS_PER_WORKER):
            for slot in range(self._workers):
                hand = self._crew.get(slot)
                if hand is not None and len(hand.tasks) > depth:
                    continue
                task = self._again.popleft() if self._again else self._feed.take()
                if task is None:
                    return
                if hand is None:
                    hand = self._crew[slot] = WorkerHandle(slot, self._orders, self._hold)
                hand.give(task)

    def _collect(self, slot: int, hand: WorkerHandle) -> None:
        try:
            outcome = hand.take()
        except EOFError:
            self._replace(slot, hand, slow=False)
            return
        self._stillborn = 0
        if outcome is not None:
            crash_point("intake.collect")
            self._deliver(outcome)

    def _replace(self, slot: int, hand: WorkerHandle, slow: bool) -> None:
        del self._crew[slot]
        died, unbegun = hand.bury(slow)
        self._stillborn += not hand.ready
        if self._stillborn >= MAX_FAILED_STARTS:
            raise ResourceError(
                "the worker processes end before they begin", "See the log; there may be no memory or no process left."
            )
        self._again.extend(unbegun)
        if died is not None:
            log.warning("worker_died", path=died.task.path, reason=died.reason, detail=died.detail)
            self._deliver(died)
