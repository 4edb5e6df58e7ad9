"""Watch the wall clock, and put right what was dated by it when it is set back."""

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from catalog.store.clock_repair import ahead, set_back, stepped_back
from catalog.store.database import Database
from daemon.writer import Change

LOOK_SECONDS = 1.0
log = structlog.get_logger()


class Clock:
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
        ask(partial(catch_up, now=self._seen[0]))

    def _look(self) -> tuple[float, float]:
        return self._wall(), self._steady()

    def step(self) -> None:
        """Look once, then wait for a moment."""
        seen = self._look()
        back = stepped_back(self._seen, seen)
        self._seen = seen
        if back:
            stranded = self._ask(partial(set_back, seconds=back, now=seen[0]))
            log.warning("clock_set_back", seconds=round(back, 1), stranded=stranded)
        self._stop.wait(LOOK_SECONDS)


def catch_up(database: Database, now: float) -> None:
    """The clock may have been set back since the last run. Inside a transaction."""
    back = ahead(database, now)
    if back:
        log.warning("clock_set_back", seconds=round(back, 1), stranded=set_back(database, back, now))
