"""Rejected files: the quarantine list with stable columns for spreadsheets and scripts, and the daily damage rate.

About one in two hundred images arrives damaged; one in five means that the way they arrive is broken.
"""

import time
from collections.abc import Iterator
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

from catalog.files.queries import rejected_entries
from catalog.formatting import format_utc_or_none, path_text
from catalog.store.database import Database
from catalog.store.volumes import NOT_DROPPED_SQL

if TYPE_CHECKING:
    from catalog.json_types.integrity import DamageRateJson, RejectedFileJson

COLUMNS = (*("path", "reason", "detail", "first_seen", "root", "bytes", "last_verified", "attempts", "next_try"),)
FILE_DETAILS_SQL = (
    "SELECT r.path, f.attempts, f.due FROM file f JOIN directory d ON d.id = f.directory"
    " JOIN volume v ON v.id = d.volume JOIN volume r ON r.id = coalesce(v.root, v.id) WHERE f.id = ?"
)


def rejected_records(database: Database) -> "Iterator[RejectedFileJson]":
    """Yield every reachable rejected file, newest first: the record of `ls`, and the rest of COLUMNS.

    Times are UTC in ISO 8601. `next_try` is None for reasons that are permanent, `last_verified` for files that were
    never read completely.
    """
    for entry in rejected_entries(database):
        ((root, attempts, due),) = database.rows(FILE_DETAILS_SQL, entry.id)
        yield {
            **entry.record(),
            "first_seen": format_utc_or_none(entry.first_seen),
            "root": path_text(root),
            "last_verified": format_utc_or_none(entry.last_verified),
            "attempts": attempts,
            "next_try": format_utc_or_none(due),
        }


DAY_SECONDS = 86400.0
MIN_DAMAGED = 5  # damaged images for an alarm: two out of four are chance
Z_95 = 1.96  # normal quantile of a two-sided 95 % interval
NORMAL_DAMAGE_RATE = "0.5 %"  # of a healthy collection


class DamageRate(NamedTuple):
    """The images of one root that were new or had new bytes on one `day`: UTC, in days since the epoch."""

    path: bytes
    day: int
    files: int
    damaged: int

    @property
    def percent(self) -> float:
        """The damaged share, in percent."""
        return 100.0 * self.damaged / self.files if self.files else 0.0

    def alarming(self, percent: float) -> bool:
        """Return whether the lower 95 % bound of the damaged share exceeds `percent`. Pure."""
        return self.damaged >= MIN_DAMAGED and 100 * wilson_lower_bound(self.damaged, self.files) > percent

    def record(self, percent: float) -> "DamageRateJson":
        """Return the record for `status --json`."""
        return {
            "path": path_text(self.path),
            "day": time.strftime("%Y-%m-%d", time.gmtime(self.day * DAY_SECONDS)),
            "files": self.files,
            "damaged": self.damaged,
            "percent": round(self.percent, 2),
            "alarm": self.alarming(percent),
        }


def wilson_lower_bound(hits: int, trials: int) -> float:
    """Return the lower bound of Wilson's 95 % score interval for a proportion.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). The plain share
    would raise an alarm at two damaged of four, and a normal approximation has no width at four of four.
    """
    if not trials:
        return 0.0
    share, square = hits / trials, Z_95 * Z_95
    center = share + square / (2 * trials)
    half_width = Z_95 * sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    return max(0.0, (center - half_width) / (1 + square / trials))


def damage_rates(database: Database, now: float, days: int) -> list[DamageRate]:
    """Return the rate of every root and day within the last `days`, newest first, without future days."""
    today = int(now // DAY_SECONDS)
    rows = database.rows(
        "SELECT r.path, i.day, sum(i.files), sum(i.damaged) FROM intake i"
        f" JOIN volume v ON v.id = i.volume AND {NOT_DROPPED_SQL}"
        " JOIN volume r ON r.id = coalesce(v.root, v.id) WHERE i.day BETWEEN ? AND ? GROUP BY 1, 2 ORDER BY 2 DESC, 1",
        *(today - days + 1, today),
    )
    return [DamageRate(*row) for row in rows]
