"""Logging of events with their keys: readable on a terminal, JSON lines in the systemd journal.

A flood of one event is reduced to a few lines a second and a count: logs of hundreds of gigabytes have been seen.
"""

import logging
import sys
import time
from collections.abc import Callable
from typing import Any, TextIO, cast

import structlog

from catalog.formatting import printable_path

BURST_LINES = 50  # lines of one event passed in a burst
REFILL_LINES_PER_SECOND = 5.0  # lines of one event a second after that


class LogThrottle:
    """A structlog processor: one token bucket for each event name. Errors always pass."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tokens: dict[str, tuple[float, float]] = {}
        self._dropped: dict[str, int] = {}

    def __call__(self, logger: Any, method: str, event: Any) -> Any:
        """Return the event, or raise structlog.DropEvent."""
        name = str(event.get("event"))
        now = self._clock()
        tokens, updated = self._tokens.get(name, (float(BURST_LINES), now))
        tokens = min(float(BURST_LINES), tokens + REFILL_LINES_PER_SECOND * (now - updated))
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
    """The current `sys.stderr`: a progress bar replaces it, so that log lines appear above the bar."""

    def write(self, text: str) -> None:
        """Write text."""
        sys.stderr.write(text)

    def flush(self) -> None:
        """Flush."""
        sys.stderr.flush()


def configure_logging(verbose: bool, once: bool) -> None:
    """Configure structlog to write to stderr; stdout is for results.

    At a terminal, a single pass (`once`) shows a progress bar and otherwise only warnings and errors.
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
    """Convert paths, which are bytes, to text with every control character escaped, and nothing lost."""
    for key, value in event.items():
        if isinstance(value, bytes):
            event[key] = printable_path(value)
    return event
