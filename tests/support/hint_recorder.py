"""A recorder of the hints that a watcher submits."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from daemon.watch.hints import Hint
from daemon.watch.observer import WatchCoverage, Watcher
from tests.support.waiting import wait_until


class HintRecorder:
    """Records the hints of a watcher on one root."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.hints: list[Hint] = []
        self.watcher = Watcher([root], self.hints.append)
        self._markers = 0

    def receives(self, hint: Hint) -> bool:
        """Wait for the hint; return whether it was submitted."""
        return wait_until(lambda: hint in self.hints)

    def settled_hints(self) -> list[Hint]:
        """Return all hints of the changes so far: hints come in order, so one for a later file ends them.

        Wait first for hints that are late by design: renames without a second half, directories to recheck.
        """
        time.sleep(0.35)
        self._markers += 1
        marker = b"%s/.marker%d" % (self.root, self._markers)
        os.mkfifo(marker)
        os.unlink(marker)
        assert wait_until(lambda: any(getattr(hint, "path", None) == marker for hint in self.hints)), (
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
