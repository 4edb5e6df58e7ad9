"""The event table, which the nightly report reads."""

from catalog.store.database import Database


def record_event(database: Database, now: float, kind: str, path: bytes | None = None, detail: str = "") -> None:
    """Insert one event. `now`: seconds since the epoch."""
    database.run("INSERT INTO event(at, kind, path, detail) VALUES (?, ?, ?, ?)", now, kind, path, detail or None)
