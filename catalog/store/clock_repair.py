"""What a clock that is set back would strand. Rows are dated by the wall clock, since they outlive the process; once it
is set back, what was put off by seconds is due in a year, and what was read today was read in the future.
"""

from catalog.store.database import Database
from catalog.store.events import record_event

TOLERANCE_SECONDS = 2.0  # seconds: less is the clock being slewed, or two threads looking at it in turn
MAX_DELAY_SECONDS = 86400.0  # nothing is ever put off for longer


def backward_step(before: tuple[float, float], now: tuple[float, float]) -> float:
    """Seconds by which the wall clock was set back between two looks, each the wall clock and the monotonic one. Pure.

    A suspended machine stops the monotonic clock and not the other: that looks like a step ahead, and is none of ours.
    """
    step = (now[1] - before[1]) - (now[0] - before[0])
    return step if step > TOLERANCE_SECONDS else 0.0


def seconds_ahead(database: Database, now: float) -> float:
    """Seconds by which the newest entry of the journal lies ahead: the clock was set back while nobody looked."""
    newest = database.value("SELECT at FROM event ORDER BY id DESC LIMIT 1")
    return newest - now if newest is not None and newest - now > TOLERANCE_SECONDS else 0.0


def shift_future_times(database: Database, seconds: float, now: float) -> int:
    """Give what lies ahead the time that it would have had; returns how many files were stranded. Inside a transaction.

    Dates that have passed by now stand, right or wrong: nothing tells them apart.
    """
    stranded = database.run(
        "UPDATE file SET due = min(due - ?, ?) WHERE due > ?", seconds, now + MAX_DELAY_SECONDS, now + TOLERANCE_SECONDS
    )
    database.run(
        "UPDATE file SET last_verified = min(last_verified - ?, ?)"
        " WHERE coalesce(last_verified, 0) > ? AND state IN ('ok', 'rejected')",
        *(seconds, now, now),
    )
    database.run("UPDATE event SET at = min(at - ?, ?) WHERE at > ?", seconds, now, now)
    record_event(
        database, now, "clock set back", detail=f"{seconds:.0f} seconds; {stranded} files were put off until then"
    )
    return stranded
