"""A fair readers-writer lock: first come, first served, so neither readers nor writers starve."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class ReadersWriterLock:
    """A lock that many threads may hold with `shared()`, or one thread with `exclusive()`. Not reentrant.

    A queue instead of writer preference: with preference, a thread that adds in a loop would block every query.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._readers = 0
        self._writing = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the lock together with other readers."""
        with self._turn():
            self._changed.wait_for(lambda: not self._writing)
            self._readers += 1
        try:
            yield
        finally:
            with self._changed:
                self._readers -= 1
                self._changed.notify_all()

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the lock alone."""
        with self._turn():
            self._changed.wait_for(lambda: not self._writing and not self._readers)
            self._writing = True
        try:
            yield
        finally:
            with self._changed:
                self._writing = False
                self._changed.notify_all()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait to be first in the queue; leave the queue however the body ends, even by an interrupt."""
        ticket = object()
        with self._changed:
            self._queue.append(ticket)
            try:
                self._changed.wait_for(lambda: self._queue[0] is ticket)
                yield
            finally:
                self._queue.remove(ticket)
                self._changed.notify_all()
