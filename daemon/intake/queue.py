"""Pending files are the queue: durable, bounded, newest first. This hands them out, each to one reader at a time.

Which files are in somebody's hands: nobody is given one that another still holds.
"""

import threading
import time
from pathlib import Path
from typing import Any

from catalog.filesystem.paths import join_path
from catalog.filesystem.stat_signature import Signature
from catalog.store.database import Database
from daemon.messages import ReadTask


class ClaimTracker:
    """`held` and `claim` belong to one thread, the rest to any. `wake` is set whenever a file is given back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._out: set[int] = set()
        self.wake = threading.Event()

    def held(self) -> frozenset[int]:
        """Whose files are held now. To be asked before the rows are read that `claim` is given."""
        with self._lock:
            return frozenset(self._out)

    def claim(self, tasks: list[ReadTask], held: frozenset[int]) -> list[ReadTask]:
        """Those of the tasks whose files were free. From now on they are held.

        Not judged by who holds what now: what was given back since the rows were read is done, and its row is old.
        """
        free = [task for task in tasks if task.file not in held]
        with self._lock:
            self._out.update(task.file for task in free)
        return free

    def release(self, file: int) -> None:
        """The outcome for a file is committed, or it was given up for this time: it may be handed out again."""
        with self._lock:
            self._out.discard(file)
        self.wake.set()

    @property
    def out(self) -> int:
        """How many are held."""
        with self._lock:
            return len(self._out)


CHUNK_ROWS = 64  # rows fetched at once: small, so that a file that just came does not wait behind a long list

DUE_SQL = (
    "SELECT f.id, d.path, f.name, f.size, f.mtime_ns, f.ctime_ns, f.inode, f.attempts, f.content"
    " FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
    " WHERE f.due <= ? AND v.away IS NULL ORDER BY f.due DESC LIMIT ?"
)

DUE_SOON_SQL = (
    "SELECT 1 FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
    " WHERE f.due <= ? AND f.state = 'pending' AND v.away IS NULL LIMIT 1"
)
SOON_SECONDS = 30.0


def _task_from_row(row: tuple[Any, ...]) -> ReadTask:
    return ReadTask(row[0], join_path(row[1], row[2]), Signature(*row[3:7]), *row[7:])


class PendingQueue(ClaimTracker):
    """Called by the intake thread, but for what a handout is."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._database = Database(path, write=False)
        self._asking: Database | None = None
        self._waiting: list[ReadTask] = []

    def take(self) -> ReadTask | None:
        """The next task, or None while nothing is due."""
        if not self._waiting:
            self._fetch()
        return self._waiting.pop() if self._waiting else None

    def _fetch(self) -> None:
        held = self.held()
        rows = self._database.rows(DUE_SQL, time.time(), CHUNK_ROWS + len(held))
        self._waiting = self.claim([_task_from_row(row) for row in rows], held)[::-1]

    def exhausted(self) -> bool:
        """Whether nothing is pending that could be read within the next half minute. For the supervisor's thread."""
        if self._asking is None:
            self._asking = Database(self._path, write=False)
        return not self._asking.rows(DUE_SOON_SQL, time.time() + SOON_SECONDS)
