"""A minimal catalog that knows of files only through hints."""

import os
import queue
import threading

from daemon.watch.hints import Dirty, Hint, Moved, Rescan, Vanished


class Follower:
    """The set of files according to the hints. It never looks at a path that no hint named."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.files: set[bytes] = set()
        self.hints: queue.SimpleQueue[Hint | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Process the hints so far, then end."""
        self.hints.put(None)
        self._thread.join()

    def _run(self) -> None:
        while (hint := self.hints.get()) is not None:
            match hint:
                case Dirty(path):
                    self._look(path)
                case Vanished(path, directory):
                    if directory:
                        self._forget(path)
                    self._look(path)
                case Moved(source, target, directory):
                    self._move(source, target, directory)
                case Rescan(path):
                    self._forget(path)
                    self._rescan(path)

    def _look(self, path: bytes) -> None:
        if os.path.lexists(path) and not os.path.isdir(path):
            self.files.add(path)
        else:
            self.files.discard(path)

    def _forget(self, path: bytes) -> None:
        self.files = {file for file in self.files if file != path and not file.startswith(path + b"/")}

    def _move(self, source: bytes, target: bytes, directory: bool) -> None:
        if directory:
            below = {file for file in self.files if file.startswith(source + b"/")}
            self._forget(target)
            self.files -= below
            for file in below:
                self._look(target + file[len(source) :])
        else:
            self._look(source)
            self._look(target)

    def _rescan(self, path: bytes) -> None:
        for folder, _, names in os.walk(path):
            self.files |= {folder + b"/" + name for name in names}


def on_disk(root: bytes) -> set[bytes]:
    """Return every file below `root`."""
    return {folder + b"/" + name for folder, _, names in os.walk(root) for name in names}
