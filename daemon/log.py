"""Logs: an event and its keys. For people on a terminal, JSON lines in a journal."""

import logging
import sys
from typing import Any

import structlog

from catalog.display import show
from daemon.throttle import Throttle


def set_up(verbose: bool) -> None:
    """Configure structlog, once, on stderr: stdout is for data."""
    human = sys.stderr.isatty()
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
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG if verbose else logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )


def _readable(logger: Any, method: str, event: Any) -> Any:
    """Paths are bytes: show them with every control character escaped, and nothing lost."""
    for key, value in event.items():
        if isinstance(value, bytes):
            event[key] = show(value)
    return event
