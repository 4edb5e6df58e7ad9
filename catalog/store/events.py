"""The event table: one row for each thing that happened, read by the nightly report."""

from catalog.store.database import Database


def record_event(database: Database, now: float, kind: str, path: bytes | None = None, detail: str = "") -> None:
    """One line of the journal."""
    database.run("INSERT INTO event(at, kind, path, detail) VALUES (?, ?, ?, ?)", now, kind, path, detail or None)
