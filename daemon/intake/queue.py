"""The queue of files to read: the pending rows of the catalog, newest first, each assigned to one reader at a time."""

import threading
import time
from abc import ABC, abstractmethod
from pathlib import Path

from catalog.filesystem.paths import join_path
from catalog.filesystem.stat_signature import Signature
from catalog.store.database import Database
from daemon.messages import ReadTask

CHUNK_ROWS = 64  # rows per query: few, so that a file that has just arrived does not wait behind a long list
SOON_SECONDS = 30.0

DUE_SQL = (
    "SELECT f.id, d.path, f.name, f.size, f.mtime_ns, f.ctime_ns, f.inode, f.attempts, f.content"
    " FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
    " WHERE f.due <= ? AND v.away IS NULL ORDER BY f.due DESC LIMIT ?"
)
DUE_SOON_SQL = (
    "SELECT 1 FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume"
    " WHERE f.due <= ? AND (f.state = 'pending' OR f.due <= ?) AND v.away IS NULL LIMIT 1"
)


class TaskQueue(ABC):
    """Files to read, each assigned to one reader at a time. `wake` is set whenever a file is released.

    `take`, `claimed` and `claim` belong to one thread; the others may be called from any.
    """

    def __init__(self) -> None:
        self._waiting: list[ReadTask] = []
        self._lock = threading.Lock()
        self._claimed: set[int] = set()
        self.wake = threading.Event()

    def take(self) -> ReadTask | None:
        """Return the next task, or None while none is due."""
        if not self._waiting:
            self._fetch()
        return self._waiting.pop() if self._waiting else None

    @abstractmethod
    def _fetch(self) -> None:
        """Claim the next tasks, and put them in `_waiting`, last first."""

    def claimed(self) -> frozenset[int]:
        """Return the files claimed now. Call it before reading the rows that go to `claim`."""
        with self._lock:
            return frozenset(self._claimed)

    def claim(self, tasks: list[ReadTask], claimed_before: frozenset[int]) -> list[ReadTask]:
        """Claim the tasks whose files are not in `claimed_before`, and return them.

        The claims as of now would not do: a file released since the rows were read is done, and its row is outdated.
        """
        free = [task for task in tasks if task.file not in claimed_before]
        with self._lock:
            self._claimed.update(task.file for task in free)
        return free

    def release(self, file: int) -> None:
        """Allow a file to be claimed again: its outcome is committed, or reading it was given up for now."""
        with self._lock:
            self._claimed.discard(file)
        self.wake.set()

    @property
    def claimed_count(self) -> int:
        """Number of files being read."""
        with self._lock:
            return len(self._claimed)


class PendingQueue(TaskQueue):
    """The queue of the current model. `take` belongs to the intake thread, `exhausted` to the supervisor's."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self._database = Database(path, write=False)
        self._supervisor_database: Database | None = None
        self._started_at = time.time()

    def _fetch(self) -> None:
        claimed = self.claimed()
        rows = self._database.rows(DUE_SQL, time.time(), CHUNK_ROWS + len(claimed))
        tasks = [
            ReadTask(file, join_path(directory, name), Signature(*signature), attempts, content)
            for file, directory, name, *signature, attempts, content in rows
        ]
        self._waiting = self.claim(tasks, claimed)[::-1]

    def exhausted(self) -> bool:
        """Return whether no pending file is due within the next half minute, and none due at the start is left.

        A rejected file whose next try comes later is not waited for.
        """
        if self._supervisor_database is None:
            self._supervisor_database = Database(self._path, write=False)
        return not self._supervisor_database.rows(DUE_SOON_SQL, time.time() + SOON_SECONDS, self._started_at)
