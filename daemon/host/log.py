"""Logs: an event and its keys. For people on a terminal, JSON lines in a journal.

A flood of one kind of event is one line a second and a count: logs of hundreds of gigabytes have been seen.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO, cast

import structlog

from catalog.formatting import printable_path

BURST_LINES = 50  # lines of one event that pass at once
REFILL_LINES_PER_SECOND = 5.0  # lines of it a second after that


class LogThrottle:
    """A structlog processor: one token bucket for each event name. Errors always pass."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens: dict[str, tuple[float, float]] = {}
        self._dropped: dict[str, int] = {}

    def __call__(self, logger: Any, method: str, event: Any) -> Any:
        """Pass the event on, or raise structlog.DropEvent."""
        name = str(event.get("event"))
        now = self._clock()
        tokens, then = self._tokens.get(name, (float(BURST_LINES), now))
        tokens = min(float(BURST_LINES), tokens + REFILL_LINES_PER_SECOND * (now - then))
        if tokens < 1 and method not in ("error", "exception", "critical"):
            self._tokens[name] = (tokens, now)
            self._dropped[name] = self._dropped.get(name, 0) + 1
            raise structlog.DropEvent
        self._tokens[name] = (tokens - 1, now)
        dropped = self._dropped.pop(name, 0)
        if dropped:
            event["not_shown"] = dropped
        return event


class CurrentStderr:
    """Whatever stderr is at the moment: a progress bar puts itself in its place, to keep lines above the bar."""

    def write(self, text: str) -> None:
        """Pass text on."""
        sys.stderr.write(text)

    def flush(self) -> None:
        """Pass the wish on."""
        sys.stderr.flush()


def configure_logging(verbose: bool, once: bool) -> None:
    """Configure structlog, on stderr: stdout is for data. A person at a terminal who waits for one pass sees a bar,
    and besides it only what is out of order.
    """
    human = sys.stderr.isatty()
    level = logging.DEBUG if verbose else logging.WARNING if human and once else logging.INFO
    renderer: Any = structlog.dev.ConsoleRenderer() if human else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            LogThrottle(),
            _escape_paths,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if human else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, CurrentStderr())),
        cache_logger_on_first_use=True,
    )


def _escape_paths(logger: Any, method: str, event: Any) -> Any:
    """Paths are bytes: show them with every control character escaped, and nothing lost."""
    for key, value in event.items():
        if isinstance(value, bytes):
            event[key] = printable_path(value)
    return event
