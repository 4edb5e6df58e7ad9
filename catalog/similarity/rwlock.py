"""A readers-writer lock, first come first served: neither readers nor writers starve."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class ReadersWriterLock:
    """`shared()` may be held by many threads at once, `alone()` by one and nobody else. Not reentrant.

    A queue instead of a preference: with a preference for writers, a thread that adds in a loop shuts out every query.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._queue: deque[object] = deque()
        self._sharing = 0
        self._alone = False

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold the lock beside other readers."""
        with self._turn():
            self._changed.wait_for(lambda: not self._alone)
            self._sharing += 1
        try:
            yield
        finally:
            with self._changed:
                self._sharing -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold the lock with nobody beside."""
        with self._turn():
            self._changed.wait_for(lambda: not self._alone and not self._sharing)
            self._alone = True
        try:
            yield
        finally:
            with self._changed:
                self._alone = False
                self._changed.notify_all()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait to be first in the queue, and leave it however the body ends, an interrupt included."""
        me = object()
        with self._changed:
            self._queue.append(me)
            try:
                self._changed.wait_for(lambda: self._queue[0] is me)
                yield
            finally:
                self._queue.remove(me)
                self._changed.notify_all()
