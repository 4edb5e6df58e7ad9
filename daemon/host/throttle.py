"""A flood of one kind of event is one line a second and a count: logs of hundreds of gigabytes have been seen."""

import time
from collections.abc import Callable
from typing import Any

import structlog

BURST = 50  # lines of one event that pass at once
REFILL = 5.0  # lines of it a second after that


class Throttle:
    """A structlog processor: one token bucket for each event name. Errors always pass."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens: dict[str, tuple[float, float]] = {}
        self._dropped: dict[str, int] = {}

    def __call__(self, logger: Any, method: str, event: Any) -> Any:
        """Pass the event on, or raise structlog.DropEvent."""
        name = str(event.get("event"))
        now = self._clock()
        tokens, then = self._tokens.get(name, (float(BURST), now))
        tokens = min(float(BURST), tokens + REFILL * (now - then))
        if tokens < 1 and method not in ("error", "exception", "critical"):
            self._tokens[name] = (tokens, now)
            self._dropped[name] = self._dropped.get(name, 0) + 1
            raise structlog.DropEvent
        self._tokens[name] = (tokens - 1, now)
        dropped = self._dropped.pop(name, 0)
        if dropped:
            event["not_shown"] = dropped
        return event
