"""Timelines of the change log: whether a position belongs to the history of the current catalog.

A catalog restored from a copy, by this program or by hand, assigns the same ids and positions again to other images.
So each start of the writer begins a timeline with a unique token, as PostgreSQL does after a recovery. Comparing the
rows behind the ids instead would mean reading all of them.
"""

from catalog.store.database import Database


def begin_timeline(database: Database, token: str, now: float) -> None:
    """Begin a timeline at the current position of the change log. `token`: unique. Call inside a transaction."""
    database.run("INSERT INTO timeline(token, seq, at) SELECT ?, seq, ? FROM clock", token, now)


def current_timeline(database: Database) -> str:
    """Return the token of the timeline that changes are written to; "" if no writer ever started."""
    return str(database.value("SELECT token FROM timeline ORDER BY id DESC LIMIT 1") or "")


def timeline_contains(database: Database, token: str, seq: int) -> bool:
    """Return whether position `seq` of that timeline is in this catalog's past, that is, before the next one began."""
    end = "SELECT next.seq FROM timeline next WHERE next.id > t.id ORDER BY next.id LIMIT 1"
    sql = f"SELECT ? <= coalesce(({end}), (SELECT seq FROM clock)) FROM timeline t WHERE t.token = ?"
    return bool(database.value(sql, seq, token))


def catalog_created_at(database: Database) -> float | None:
    """Return when a writer first started on this catalog, in seconds since the epoch; None if never."""
    return database.value("SELECT min(at) FROM timeline")  # type: ignore[no-any-return]


def last_seq(database: Database, model: int) -> int:
    """Return the last position of this model's change log, 0 if it is empty."""
    return int(database.value("SELECT max(seq) FROM vector WHERE model = ?", model) or 0)
