"""At the start, queue the files that were rejected under other limits or by other decoders than now."""

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import structlog

from catalog.config.settings import IntakeSettings
from catalog.files.outdated_rejections import (
    START,
    current_limits,
    outdated_reasons,
    queue_outdated,
    store_limits,
    stored_limits,
)
from daemon.writer import Change

log = structlog.get_logger()


def queue_outdated_rejections(commit: Callable[[Change], Any], settings: IntakeSettings) -> None:
    """Queue those files in short transactions. A kill in between is harmless: the new limits are stored last."""
    limits = current_limits(settings)
    old = commit(stored_limits)
    if old == limits:
        return
    reasons = outdated_reasons(old, limits)
    total, position, reached = 0, None, START
    while reasons and reached != position:
        position = reached
        count, reached = commit(partial(queue_outdated, reasons=reasons, after=position, now=time.time()))
        total += count
    commit(partial(store_limits, limits=limits))
    if total:
        log.info("rejected_read_again", files=total, reasons=", ".join(sorted(reasons)))
