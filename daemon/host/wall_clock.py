"""Monitor the wall clock; repair stored times when it is set back."""

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
    """The clock stage. Create it before anything else stores a time: the clock may have been set while nothing ran.

    `commit` commits a change. `wall_clock` and `monotonic_clock` return seconds; only the first is ever set.
    """

    def __init__(
        self,
        commit: Callable[[Change], Any],
        stop: threading.Event,
        wall_clock: Callable[[], float] = time.time,
        monotonic_clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._commit, self._stop = commit, stop
        self._wall_clock, self._monotonic_clock = wall_clock, monotonic_clock
        self._reading = self._read()
        now, _ = self._reading
        commit(partial(repair_clock_at_start, now=now))

    def _read(self) -> tuple[float, float]:
        return self._wall_clock(), self._monotonic_clock()

    def step(self) -> None:
        """Compare the clocks once, then wait for a second."""
        reading = self._read()
        back = backward_step(self._reading, reading)
        self._reading = reading
        if back:
            now, _ = reading
            postponed = self._commit(partial(shift_future_times, seconds=back, now=now))
            log.warning("clock_set_back", seconds=round(back, 1), stranded=postponed)
        self._stop.wait(CHECK_SECONDS)


def repair_clock_at_start(database: Database, now: float) -> None:
    """Repair stored times if the clock was set back since the last run. Call inside a transaction."""
    back = seconds_ahead(database, now)
    if back:
        log.warning("clock_set_back", seconds=round(back, 1), stranded=shift_future_times(database, back, now))
