"""Logs: an event and its keys. For people on a terminal, JSON lines in a journal."""

import logging
import sys
from typing import Any, TextIO, cast

import structlog

from catalog.formatting import show
from daemon.host.throttle import Throttle


class Stderr:
    """Whatever stderr is at the moment: a progress bar puts itself in its place, to keep lines above the bar."""

    def write(self, text: str) -> None:
        """Pass text on."""
        sys.stderr.write(text)

    def flush(self) -> None:
        """Pass the wish on."""
        sys.stderr.flush()


def set_up(verbose: bool, once: bool) -> None:
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
            Throttle(),
            _readable,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *([] if human else [structlog.processors.format_exc_info]),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(cast(TextIO, Stderr())),
        cache_logger_on_first_use=True,
    )


def _readable(logger: Any, method: str, event: Any) -> Any:
    """Paths are bytes: show them with every control character escaped, and nothing lost."""
    for key, value in event.items():
        if isinstance(value, bytes):
            event[key] = show(value)
    return event
