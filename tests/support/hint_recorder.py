"""What the watch tests share: an ear that collects hints, and waiting with a deadline instead of sleeping."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from daemon.watch.hints import Hint
from daemon.watch.observer import WatchCoverage, Watcher

PATIENCE = 10.0  # seconds; only a failing test waits as long


def until(true: Callable[[], object], patience: float = PATIENCE) -> bool:
    """Polls until something holds; False when it did not in time."""
    deadline = time.monotonic() + patience
    while not true():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


class Ear:
    """Collects the hints of a running watcher on one root."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.hints: list[Hint] = []
        self.watcher = Watcher([root], self.hints.append)
        self._sounds = 0

    def hears(self, hint: Hint) -> bool:
        """Whether the hint comes, or came."""
        return until(lambda: hint in self.hints)

    def quiet(self) -> list[Hint]:
        """All hints of what was done so far: hints come in order, so one for a later file ends them.

        Waits first for what is told late by design: renames that find no second half, doubtful directories.
        """
        time.sleep(0.35)
        self._sounds += 1
        last = b"%s/.sound%d" % (self.root, self._sounds)
        os.mkfifo(last)
        os.unlink(last)
        assert until(lambda: any(getattr(hint, "path", None) == last for hint in self.hints)), "the watcher is deaf"
        return [hint for hint in self.hints if b"/.sound" not in getattr(hint, "path", b"")]

    def check(self) -> WatchCoverage:
        """The coverage of the root."""
        return self.watcher.check()[0]


@contextmanager
def listening(root: bytes) -> Iterator[Ear]:
    """An ear on a started watcher, stopped at the end."""
    ear = Ear(root)
    ear.watcher.start()
    try:
        yield ear
    finally:
        ear.watcher.stop()


def write(path: bytes, data: bytes = b"x") -> None:
    """Writes a file as a program does: open, write, close."""
    with open(path, "wb") as file:
        file.write(data)
