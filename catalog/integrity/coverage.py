"""How much of the collection was read, and how lately: counted from rows, never from a job's exit."""

import math
from typing import TYPE_CHECKING

from catalog.store.database import Database
from models.decode.reason import RejectReason

if TYPE_CHECKING:
    from catalog.json_types.integrity import CoverageJson

DAY_SECONDS = 86400.0
GRACE_DAYS = 7.0  # scrubs may lag by so much before `status` calls for the owner
MAX_CLOCK_SKEW_SECONDS = DAY_SECONDS  # a time further ahead than that was written by a wrong clock, and proves nothing
NO_CONTENT_REASONS = (RejectReason.SYMLINK, RejectReason.SPECIAL)  # never opened, so never read: no part of the account

# The terms of the index file_verified: what counts by them touches no row.
READ_AT_SQL = "coalesce(last_verified, 0)"
SETTLED_SQL = "state IN ('ok', 'rejected')"


def verification_coverage(database: Database, days: float, now: float) -> "CoverageJson":
    """The share of files whose bytes were read within so many days.

    `percent` is rounded down: 100 means every file. `oldest`: age in days of the oldest reading, None before the
    first. `never`: files that were never read to their end. `overdue`: scrubs do not keep up, somebody has to act.
    """
    every, byteless = _file_counts(database)
    never = max(0, _count_settled(database, "= 0") - byteless)
    late = max(0, _count_settled(database, "< ?", now - days * DAY_SECONDS) - byteless) + _count_settled(
        database, "> ?", now + MAX_CLOCK_SKEW_SECONDS
    )
    percent = 100 * (every - _pending_count(database) - late) / every if every else 100.0
    oldest = _oldest_reading_days(database, now)
    return {
        "days": days,
        "percent": math.floor(100 * max(0.0, percent)) / 100,
        "oldest": None if oldest is None else round(oldest, 2),
        "never": never,
        "overdue": percent < 100 and oldest is not None and oldest > days + GRACE_DAYS,
    }


def _file_counts(database: Database) -> tuple[int, int]:
    """How many files have bytes to read, and how many entries have none."""
    (every, byteless), *_ = database.rows(
        "SELECT coalesce(sum(files), 0), coalesce(sum(files) FILTER (WHERE state = 'rejected' AND reason IN (?, ?)), 0)"
        " FROM tally WHERE state != 'gone'",
        *NO_CONTENT_REASONS,
    )
    return int(every) - int(byteless), int(byteless)


def _pending_count(database: Database) -> int:
    return int(database.value("SELECT coalesce(sum(files), 0) FROM tally WHERE state = 'pending'"))


def _count_settled(database: Database, term: str, *values: float) -> int:
    return int(database.value(f"SELECT count(*) FROM file WHERE {SETTLED_SQL} AND {READ_AT_SQL} {term}", *values))


def _oldest_reading_days(database: Database, now: float) -> float | None:
    first = database.value(
        f"SELECT {READ_AT_SQL} FROM file WHERE {SETTLED_SQL} AND {READ_AT_SQL} > 0 ORDER BY {READ_AT_SQL} LIMIT 1"
    )
    return None if first is None else max(0.0, (now - float(first)) / DAY_SECONDS)
