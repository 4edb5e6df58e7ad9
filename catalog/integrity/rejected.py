"""The quarantine list as it is handed on: a line a rejected file, its columns stable for spreadsheets and scripts.

How many of a day's images arrive damaged. One in two hundred is normal; one in five is a broken way in.
"""

import time
from collections.abc import Iterator
from math import sqrt
from typing import Any, NamedTuple

from catalog.files.queries import rejected
from catalog.formatting import text
from catalog.store.database import Database

COLUMNS = (*("path", "reason", "detail", "first_seen", "root", "bytes", "last_verified", "attempts", "next_try"),)
MORE = (
    "SELECT r.path, f.attempts, f.due FROM file f JOIN directory d ON d.id = f.directory"
    " JOIN volume v ON v.id = d.volume JOIN volume r ON r.id = coalesce(v.root, v.id) WHERE f.id = ?"
)


def quarantine(database: Database) -> Iterator[dict[str, Any]]:
    """Every rejected file that can be reached, newest first: what `ls` has of it, and the rest of COLUMNS.

    Times are UTC as in ISO 8601; `next_try` is None for what does not heal by itself, `last_verified` for what was
    never read to its end.
    """
    for entry in rejected(database):
        root, attempts, due = database.rows(MORE, entry.id)[0]
        yield entry.record() | {
            "first_seen": moment(entry.first_seen),
            "root": text(root),
            "last_verified": moment(entry.last_verified),
            "attempts": attempts,
            "next_try": moment(due),
        }


def moment(seconds: float | None) -> str | None:
    """A time as people and spreadsheets read it."""
    return None if seconds is None else time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


DAY = 86400.0
FEWEST = 5  # damaged images: two out of four are bad luck
Z = 1.96  # the normal quantile of a 95 % interval
NORMAL = "0.5 %"  # what a sound collection has


class Rate(NamedTuple):
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
        return self.damaged >= FEWEST and 100 * least_share(self.damaged, self.files) > percent

    def record(self, percent: float) -> dict[str, Any]:
        """As `status --json` has it."""
        return {
            "path": text(self.path),
            "day": time.strftime("%Y-%m-%d", time.gmtime(self.day * DAY)),
            "files": self.files,
            "damaged": self.damaged,
            "percent": round(self.percent, 2),
            "alarm": self.alarming(percent),
        }


def least_share(hits: int, tries: int) -> float:
    """The lower end of Wilson's 95 % interval for a share: what it is at least, given so few tries.

    Wilson, "Probable inference, the law of succession, and statistical inference", JASA 22 (1927). The plain share
    would ring at two damaged of four, and a normal approximation has no width at four of four.
    """
    if not tries:
        return 0.0
    share, square = hits / tries, Z * Z
    middle = share + square / (2 * tries)
    half = Z * sqrt(share * (1 - share) / tries + square / (4 * tries * tries))
    return max(0.0, (middle - half) / (1 + square / tries))


def rates(database: Database, now: float, days: int) -> list[Rate]:
    """Every root's days within the last `days`, the newest first. Days that a wrong clock put ahead are left out."""
    today = int(now // DAY)
    rows = database.rows(
        "SELECT r.path, i.day, sum(i.files), sum(i.damaged) FROM intake i JOIN volume v ON v.id = i.volume"
        " JOIN volume r ON r.id = coalesce(v.root, v.id) WHERE i.day BETWEEN ? AND ? GROUP BY 1, 2 ORDER BY 2 DESC, 1",
        *(today - days + 1, today),
    )
    return [Rate(*row) for row in rows]
