"""The only writer of the catalog: commits waiting changes in batches, and acts on them only after COMMIT."""

import queue
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any, NamedTuple

import structlog

from catalog.crash_points import crash_point
from catalog.store.change_log import begin_timeline
from catalog.store.database import Database

MAX_COMMIT_CHANGES = 1000  # changes in one transaction
MAX_WAITING_CHANGES = 4000  # changes in the queue before `put` blocks

Change = Callable[[Database], Any]
log = structlog.get_logger()


class QueuedChange(NamedTuple):
    """A change and what follows its commit. `future` receives the change's result, or the error of the transaction."""

    change: Change
    on_commit: Callable[[], None] | None = None
    future: Future[Any] | None = None


class Writer:
    """The service's read-write connection. Every thread may call `put` and `commit`. `commits`: transactions so far."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: queue.Queue[QueuedChange | None] = queue.Queue(MAX_WAITING_CHANGES)
        self._listeners: list[threading.Event] = []
        self.closed = threading.Event()
        self.commits = 0

    def wake_after_commit(self, event: threading.Event) -> None:
        """Set `event` after every commit."""
        self._listeners.append(event)

    def put(self, change: Change, on_commit: Callable[[], None] | None = None) -> None:
        """Queue a change; block while the queue is full. `on_commit` runs in the writer's thread; it must not block."""
        self._enqueue(QueuedChange(change, on_commit))

    def commit(self, change: Change) -> Any:
        """Return a change's result once it is committed. Raises RuntimeError if the writer has ended, or its error."""
        future: Future[Any] = Future()
        self._enqueue(QueuedChange(change, future=future))
        while True:
            try:
                return future.result(timeout=1)
            except TimeoutError:
                if self.closed.is_set():
                    raise RuntimeError("the writer has ended") from None

    def _enqueue(self, queued: QueuedChange) -> None:
        while not self.closed.is_set():
            try:
                self._queue.put(queued, timeout=1)
                return
            except queue.Full:
                continue

    @property
    def idle(self) -> bool:
        """Whether every queued change is committed."""
        return self._queue.unfinished_tasks == 0

    def stop(self) -> None:
        """Commit the changes in the queue, then end."""
        self._queue.put(None)

    def run(self) -> None:
        """Thread body. An error of the database leaves from here and ends the service: no change can be committed."""
        try:
            database = Database(self._path, write=True)
            try:
                with database.transaction():
                    begin_timeline(database, secrets.token_hex(8), time.time())
                while self._step(database):
                    pass
            finally:
                database.shrink_log()
                database.close()
        finally:
            self.closed.set()

    def _step(self, database: Database) -> bool:
        """Commit one batch; return False once `stop` was called."""
        batch = self._collect()
        changes = [queued for queued in batch if queued is not None]
        if changes:
            self._commit(database, changes)
        for _ in batch:
            self._queue.task_done()
        return None not in batch

    def _collect(self) -> list[QueuedChange | None]:
        batch = [self._queue.get()]
        while len(batch) < MAX_COMMIT_CHANGES and batch[-1] is not None:
            try:
                batch.append(self._queue.get_nowait())
            except queue.Empty:
                break
        return batch

    def _commit(self, database: Database, changes: list[QueuedChange]) -> None:
        try:
            with database.transaction():
                results = [queued.change(database) for queued in changes]
                crash_point("write.commit")
        except BaseException as error:
            for queued in changes:
                if queued.future is not None:
                    queued.future.set_exception(error)
            raise
        self.commits += 1
        crash_point("write.committed")
        for queued, result in zip(changes, results, strict=True):
            if queued.on_commit is not None:
                queued.on_commit()
            if queued.future is not None:
                queued.future.set_result(result)
        for event in self._listeners:
            event.set()
