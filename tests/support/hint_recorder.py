"""Helpers of the watch tests: a recorder of hints, and polling with a deadline instead of sleeping."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from daemon.watch.hints import Hint
from daemon.watch.observer import WatchCoverage, Watcher

TIMEOUT_SECONDS = 10.0  # seconds; only a failing test waits that long


def until(condition: Callable[[], object], timeout: float = TIMEOUT_SECONDS) -> bool:
    """Poll until the condition holds; return False if it does not in time."""
    deadline = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


class HintRecorder:
    """Records the hints of a watcher on one root."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.hints: list[Hint] = []
        self.watcher = Watcher([root], self.hints.append)
        self._markers = 0

    def receives(self, hint: Hint) -> bool:
        """Wait for the hint; return whether it was submitted."""
        return until(lambda: hint in self.hints)

    def settled_hints(self) -> list[Hint]:
        """Return all hints of the changes so far: hints come in order, so one for a later file ends them.

        Wait first for hints that are late by design: renames without a second half, directories to recheck.
        """
        time.sleep(0.35)
        self._markers += 1
        marker = b"%s/.marker%d" % (self.root, self._markers)
        os.mkfifo(marker)
        os.unlink(marker)
        assert until(lambda: any(getattr(hint, "path", None) == marker for hint in self.hints)), (
            "the watcher submits nothing"
        )
        return [hint for hint in self.hints if b"/.marker" not in getattr(hint, "path", b"")]

    def check(self) -> WatchCoverage:
        """Return the coverage of the root."""
        return self.watcher.check()[0]


@contextmanager
def record_hints(root: bytes) -> Iterator[HintRecorder]:
    """Yield a recorder on a started watcher, which is stopped at the end."""
    recorder = HintRecorder(root)
    recorder.watcher.start()
    try:
        yield recorder
    finally:
        recorder.watcher.stop()


def write(path: bytes, data: bytes = b"x") -> None:
    """Write a file as a program does: open, write, close."""
    with open(path, "wb") as file:
        file.write(data)
