"""Watch the wall clock, and put right what was dated by it when it is set back."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from catalog.store.clock_repair import backward_step, seconds_ahead, shift_future_times
from catalog.store.database import Database
from daemon.writer import Change

CHECK_SECONDS = 1.0
log = structlog.get_logger()


class ClockMonitor:
    """Runs in one thread; made before anything else is dated, since the clock may have been set while nothing ran.

    `ask` commits a change. `wall` and `steady` are seconds since whenever; only the first is ever set.
    """

    def __init__(
        self,
        ask: Callable[[Change], Any],
        stop: threading.Event,
        wall: Callable[[], float] = time.time,
        steady: Callable[[], float] = time.monotonic,
    ) -> None:
        self._ask, self._stop = ask, stop
        self._wall, self._steady = wall, steady
        self._seen = self._look()
        ask(partial(repair_clock_at_start, now=self._seen[0]))

    def _look(self) -> tuple[float, float]:
        return self._wall(), self._steady()

    def step(self) -> None:
        """Look once, then wait for a moment."""
        seen = self._look()
        back = backward_step(self._seen, seen)
        self._seen = seen
        if back:
            stranded = self._ask(partial(shift_future_times, seconds=back, now=seen[0]))
            log.warning("clock_set_back", seconds=round(back, 1), stranded=stranded)
        self._stop.wait(CHECK_SECONDS)


def repair_clock_at_start(database: Database, now: float) -> None:
    """The clock may have been set back since the last run. Inside a transaction."""
    back = seconds_ahead(database, now)
    if back:
        log.warning("clock_set_back", seconds=round(back, 1), stranded=shift_future_times(database, back, now))
