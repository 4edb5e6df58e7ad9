"""The quarantine list as it is handed on: a line a rejected file, its columns stable for spreadsheets and scripts."""

import time
from collections.abc import Iterator
from typing import Any

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
