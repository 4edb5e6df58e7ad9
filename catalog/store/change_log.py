"""Branches of the change log: whether a place in it was reached on the way to the catalog as it is now.

A catalog that was put back from a copy, by whatever hand, gives out the same ids and places again for other pictures.
So each start of the writer begins a branch with a name of its own, after PostgreSQL's timelines. To compare what the
ids stand for would have to read all of them to be sure.
"""

from catalog.store.database import Database


def begin_timeline(database: Database, token: str, now: float) -> None:
    """Start a branch where the change log stands now. `token`: a name that nobody else gives. In a transaction."""
    database.run("INSERT INTO timeline(token, seq, at) SELECT ?, seq, ? FROM clock", token, now)


def current_timeline(database: Database) -> str:
    """The branch that changes are written to; "" where no writer ever started."""
    return str(database.value("SELECT token FROM timeline ORDER BY id DESC LIMIT 1") or "")


def timeline_contains(database: Database, token: str, seq: int) -> bool:
    """Return whether the place `seq` of that branch is in this catalog's past: at most where it left the branch."""
    left = "SELECT next.seq FROM timeline next WHERE next.id > t.id ORDER BY next.id LIMIT 1"
    sql = f"SELECT ? <= coalesce(({left}), (SELECT seq FROM clock)) FROM timeline t WHERE t.token = ?"
    return bool(database.value(sql, seq, token))


def catalog_created_at(database: Database) -> float | None:
    """When a writer first started on this catalog, in seconds since the epoch."""
    return database.value("SELECT min(at) FROM timeline")  # type: ignore[no-any-return]
