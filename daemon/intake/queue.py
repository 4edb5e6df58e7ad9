"""Pending files are the queue: durable, bounded, newest first. This hands them out, each to one reader at a time."""

import time
from pathlib import Path
from typing import Any

from catalog.filesystem.stat_signature import Signature
from catalog.store.database import Database
from catalog.store.directories import join
from daemon.intake.handout import Handout
from daemon.messages import Task

CHUNK = 64  # rows fetched at once: small, so that a file that just came does not wait behind a long list

DUE = (
    "SELECT f.id, d.path, f.name, f.size, f.mtime_ns, f.ctime_ns, f.inode, f.attempts, f.content"
    " FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
    " WHERE f.due <= ? AND v.away IS NULL ORDER BY f.due DESC LIMIT ?"
)

SOON = (
    "SELECT 1 FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
    " WHERE f.due <= ? AND f.state = 'pending' AND v.away IS NULL LIMIT 1"
)
SOON_SECONDS = 30.0


def _task(row: tuple[Any, ...]) -> Task:
    return Task(row[0], join(row[1], row[2]), Signature(*row[3:7]), *row[7:])


class Feed(Handout):
    """Called by the intake thread, but for what a handout is."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._database = Database(path, write=False)
        self._asking: Database | None = None
        self._waiting: list[Task] = []

    def take(self) -> Task | None:
        """The next task, or None while nothing is due."""
        if not self._waiting:
            self._fetch()
        return self._waiting.pop() if self._waiting else None

    def _fetch(self) -> None:
        held = self.held()
        rows = self._database.rows(DUE, time.time(), CHUNK + len(held))
        self._waiting = self.claim([_task(row) for row in rows], held)[::-1]

    def exhausted(self) -> bool:
        """Whether nothing is pending that could be read within the next half minute. For the supervisor's thread."""
        if self._asking is None:
            self._asking = Database(self._path, write=False)
        return not self._asking.rows(SOON, time.time() + SOON_SECONDS)
