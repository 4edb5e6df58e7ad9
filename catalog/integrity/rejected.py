"""The quarantine list as it is handed on: a line a rejected file, its columns stable for spreadsheets and scripts.

How many of a day's images arrive damaged. One in two hundred is normal; one in five is a broken way in.
"""

import time
from collections.abc import Iterator
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from catalog.files.queries import rejected_entries
from catalog.formatting import path_text
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.integrity import DamageRateJson, RejectedFileJson

COLUMNS = (*("path", "reason", "detail", "first_seen", "root", "bytes", "last_verified", "attempts", "next_try"),)
FILE_DETAILS_SQL = (
    "SELECT r.path, f.attempts, f.due FROM file f JOIN directory d ON d.id = f.directory"
    " JOIN volume v ON v.id = d.volume JOIN volume r ON r.id = coalesce(v.root, v.id) WHERE f.id = ?"
)


def rejected_records(database: Database) -> "Iterator[RejectedFileJson]":
    """Every rejected file that can be reached, newest first: what `ls` has of it, and the rest of COLUMNS.

    Times are UTC as in ISO 8601; `next_try` is None for what does not heal by itself, `last_verified` for what was
    never read to its end.
    """
    for entry in rejected_entries(database):
        root, attempts, due = database.rows(FILE_DETAILS_SQL, entry.id)[0]
        yield {
            **entry.record(),
            "first_seen": format_utc_or_none(entry.first_seen),
            "root": path_text(root),
            "last_verified": format_utc_or_none(entry.last_verified),
            "attempts": attempts,
            "next_try": format_utc_or_none(due),
        }


def format_utc_or_none(seconds: float | None) -> str | None:
    """A time as people and spreadsheets read it."""
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


DAY_SECONDS = 86400.0
MIN_DAMAGED = 5  # damaged images: two out of four are bad luck
Z_95 = 1.96  # the normal quantile of a 95 % interval
NORMAL_DAMAGE_RATE = "0.5 %"  # what a sound collection has


class DamageRate(NamedTuple):
    """One root's images of one day (UTC, in days since the epoch): those read for the first time, or with new bytes."""

    path: bytes
    day: int
    files: int
    damaged: int

    @property
    def percent(self) -> float:
        """The share that is damaged."""
        return 100.0 * self.damaged / self.files if self.files else 0.0

    def alarming(self, percent: float) -> bool:
        """Whether more than `percent` are surely damaged, however few the day had. Pure."""
        return self.damaged >= MIN_DAMAGED and 100 * wilson_lower_bound(self.damaged, self.files) > percent

    def record(self, percent: float) -> "DamageRateJson":
        """As `status --json` has it."""
        return {
            "path": path_text(self.path),
            "day": time.strftime("%Y-%m-%d", time.gmtime(self.day * DAY_SECONDS)),
            "files": self.files,
            "damaged": self.damaged,
            "percent": round(self.percent, 2),
            "alarm": self.alarming(percent),
        }


def wilson_lower_bound(hits: int, tries: int) -> float:
    """The lower end of Wilson's 95 % interval for a share: what it is at least, given so few tries.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). The plain share
    would ring at two damaged of four, and a normal approximation has no width at four of four.
    """
    if not tries:
        return 0.0
    share, square = hits / tries, Z_95 * Z_95
    middle = share + square / (2 * tries)
    half = Z_95 * sqrt(share * (1 - share) / tries + square / (4 * tries * tries))
    return max(0.0, (middle - half) / (1 + square / tries))


def damage_rates(database: Database, now: float, days: int) -> list[DamageRate]:
    """Every root's days within the last `days`, the newest first. Days that a wrong clock put ahead are left out."""
    today = int(now // DAY_SECONDS)
    rows = database.rows(
        "SELECT r.path, i.day, sum(i.files), sum(i.damaged) FROM intake i JOIN volume v ON v.id = i.volume"
        " JOIN volume r ON r.id = coalesce(v.root, v.id) WHERE i.day BETWEEN ? AND ? GROUP BY 1, 2 ORDER BY 2 DESC, 1",
        *(today - days + 1, today),
    )
    return [DamageRate(*row) for row in rows]
