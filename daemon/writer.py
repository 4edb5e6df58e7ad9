"""The one writer: folds the changes that wait into one transaction, and acts on them only after COMMIT."""

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

MAX_COMMIT_CHANGES = 1000  # changes in one transaction at most
MAX_WAITING_CHANGES = 4000  # changes that may wait before their senders do

Change = Callable[[Database], Any]
log = structlog.get_logger()


class QueuedChange(NamedTuple):
    """A change, and what follows its commit. `answer` gives the change's result, or the store's failure."""

    change: Change
    after: Callable[[], None] | None = None
    answer: Future[Any] | None = None


class Writer:
    """Owns the daemon's read-write connection. `put` may be called by every stage; it blocks when too much waits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._queue: queue.Queue[QueuedChange | None] = queue.Queue(MAX_WAITING_CHANGES)
        self._listeners: list[threading.Event] = []
        self.closed = threading.Event()

    def listen(self, wake: threading.Event) -> None:
        """Set `wake` after every commit."""
        self._listeners.append(wake)

    def put(self, change: Change, after: Callable[[], None] | None = None) -> None:
        """Hand over a change. `after` runs once it is committed; it must not block."""
        self._offer(QueuedChange(change, after))

    def ask(self, change: Change) -> Any:
        """Hand over a change, wait until it is committed, and return its result."""
        message = QueuedChange(change, answer=Future())
        self._offer(message)
        assert message.answer is not None
        while True:
            try:
                return message.answer.result(timeout=1)
            except TimeoutError:
                if self.closed.is_set():
                    raise RuntimeError("the writer has ended") from None

    def _offer(self, message: QueuedChange) -> None:
        while not self.closed.is_set():
            try:
                self._queue.put(message, timeout=1)
                return
            except queue.Full:
                continue

    @property
    def idle(self) -> bool:
        """Whether all that was handed over is committed."""
        return self._queue.unfinished_tasks == 0

    def stop(self) -> None:
        """Commit what waits, then end."""
        self._queue.put(None)

    def run(self) -> None:
        """Thread body. The store's failure leaves from here: nothing can be promised without it."""
        try:
            database = Database(self._path, write=True)
            try:
                with database.transaction():
                    begin_timeline(database, secrets.token_hex(8), time.time())
                while self._turn(database):
                    pass
            finally:
                database.shrink_log()
                database.close()
        finally:
            self.closed.set()

    def _turn(self, database: Database) -> bool:
        batch = self._collect()
        work = [message for message in batch if message is not None]
        if work:
            self._commit(database, work)
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

    def _commit(self, database: Database, work: list[QueuedChange]) -> None:
        try:
            with database.transaction():
                results = [message.change(database) for message in work]
                crash_point("write.commit")
        except BaseException as error:
            for message in work:
                if message.answer is not None:
                    message.answer.set_exception(error)
            raise
        crash_point("write.committed")
        for message, result in zip(work, results, strict=True):
            if message.after is not None:
                message.after()
            if message.answer is not None:
                message.answer.set_result(result)
        for wake in self._listeners:
            wake.set()
