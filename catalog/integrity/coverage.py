"""Verification coverage: which share of the collection was read, and how recently; counted from rows."""

import math
from typing import TYPE_CHECKING

from catalog.store.database import Database
from catalog.store.volumes import DROPPED, NOT_DROPPED_SQL
from models.decode.reason import RejectReason

if TYPE_CHECKING:
    from catalog.json_types.integrity import CoverageJson

DAY_SECONDS = 86400.0
GRACE_DAYS = 7.0  # scrubs may lag this much before `status` asks the owner to act
MAX_CLOCK_SKEW_SECONDS = DAY_SECONDS  # a time further ahead was written by a wrong clock, and proves nothing
NO_CONTENT_REASONS = (RejectReason.SYMLINK, RejectReason.SPECIAL)  # never opened, so never read: not counted

# The terms of the index file_verified: a count by these reads no row.
READ_AT_SQL = "coalesce(last_verified, 0)"
SETTLED_SQL = "state IN ('ok', 'rejected')"


def verification_coverage(database: Database, days: float, now: float) -> "CoverageJson":
    """Return the share of files whose bytes were read within the last `days`.

    `percent` is rounded down: 100 means every file. `oldest`: age in days of the oldest reading, None before the
    first. `never`: files that were never read completely. `overdue`: scrubs do not keep up, and the owner has to act.
    """
    total, pending, without_bytes = _file_counts(database)
    never = max(0, _count_settled(database, "= 0") - without_bytes)
    late = max(0, _count_settled(database, "< ?", now - days * DAY_SECONDS) - without_bytes) + _count_settled(
        database, "> ?", now + MAX_CLOCK_SKEW_SECONDS
    )
    percent = 100 * (total - pending - late) / total if total else 100.0
    oldest = _oldest_reading_days(database, now)
    return {
        "days": days,
        "percent": math.floor(100 * max(0.0, percent)) / 100,
        "oldest": None if oldest is None else round(oldest, 2),
        "never": never,
        "overdue": percent < 100 and oldest is not None and oldest > days + GRACE_DAYS,
    }


def _file_counts(database: Database) -> tuple[int, int, int]:
    """Return the number of files with bytes to read, of those that are pending, and of entries without bytes."""
    ((total, pending, without_bytes),) = database.rows(
        "SELECT coalesce(sum(files), 0), coalesce(sum(files) FILTER (WHERE state = 'pending'), 0),"
        " coalesce(sum(files) FILTER (WHERE state = 'rejected' AND reason IN (?, ?)), 0)"
        f" FROM tally t JOIN volume v ON v.id = t.volume AND {NOT_DROPPED_SQL} WHERE state != 'gone'",
        *NO_CONTENT_REASONS,
    )
    return total - without_bytes, pending, without_bytes


def _count_settled(database: Database, condition: str, *values: float) -> int:
    """Count the settled files that were last read at such a time, except those of dropped roots.

    These are counted apart, if there are any: a join would read every row of the collection.
    """
    chosen = f"{SETTLED_SQL} AND {READ_AT_SQL} {condition}"
    dropped_sql = (
        "SELECT count(*) FROM volume v CROSS JOIN directory d ON d.volume = v.id"
        f" CROSS JOIN file f ON f.directory = d.id WHERE v.away = ? AND f.{chosen}"
    )
    count = int(database.value(f"SELECT count(*) FROM file WHERE {chosen}", *values))
    return count - int(database.value(dropped_sql, DROPPED, *values))


def _oldest_reading_days(database: Database, now: float) -> float | None:
    oldest = database.value(
        f"SELECT {READ_AT_SQL} FROM file f WHERE {SETTLED_SQL} AND {READ_AT_SQL} > 0 AND NOT EXISTS"
        " (SELECT 1 FROM directory d JOIN volume v ON v.id = d.volume AND v.away = ? WHERE d.id = f.directory)"
        f" ORDER BY {READ_AT_SQL} LIMIT 1",
        DROPPED,
    )
    return None if oldest is None else max(0.0, (now - float(oldest)) / DAY_SECONDS)
