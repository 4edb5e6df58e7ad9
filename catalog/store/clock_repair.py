"""Repair of stored times after the wall clock was set back.

Rows carry wall-clock times, since they outlive the process. Once the clock is set back by a year, a file postponed by
seconds is due in a year, and a file read today was read in the future.
"""

from catalog.store.database import Database
from catalog.store.events import record_event

TOLERANCE_SECONDS = 2.0  # less is slewing, or two threads that read the clock in turn
MAX_DELAY_SECONDS = 86400.0  # no file is ever postponed for longer


def backward_step(before: tuple[float, float], now: tuple[float, float]) -> float:
    """Return the seconds by which the wall clock was set back between two readings (wall clock, monotonic clock). Pure.

    Suspending the machine stops only the monotonic clock: that looks like a step forward, which is harmless.
    """
    (wall_before, monotonic_before), (wall_now, monotonic_now) = before, now
    step = (monotonic_now - monotonic_before) - (wall_now - wall_before)
    return step if step > TOLERANCE_SECONDS else 0.0


def seconds_ahead(database: Database, now: float) -> float:
    """Return how many seconds the newest event is ahead of `now`: the clock was set back while no service ran."""
    newest = database.value("SELECT at FROM event ORDER BY id DESC LIMIT 1")
    return newest - now if newest is not None and newest - now > TOLERANCE_SECONDS else 0.0


def shift_future_times(database: Database, seconds: float, now: float) -> int:
    """Move future times back by `seconds`; return how many files had been postponed. Call inside a transaction.

    Times already in the past are left alone, right or wrong: nothing tells them apart.
    """
    postponed = database.run(
        "UPDATE file SET due = min(due - ?, ?) WHERE due > ?", seconds, now + MAX_DELAY_SECONDS, now + TOLERANCE_SECONDS
    )
    database.run(
        "UPDATE file SET last_verified = min(last_verified - ?, ?)"
        " WHERE coalesce(last_verified, 0) > ? AND state IN ('ok', 'rejected')",
        *(seconds, now, now),
    )
    database.run("UPDATE event SET at = min(at - ?, ?) WHERE at > ?", seconds, now, now)
    record_event(
        database, now, "clock set back", detail=f"{seconds:.0f} seconds; {postponed} files had been postponed too far"
    )
    return postponed
