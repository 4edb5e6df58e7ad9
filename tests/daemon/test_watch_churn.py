"""Whoever follows the hints, and rescans when told to, knows what is on disk, whatever the order of changes."""

import os
import queue
import random
import shutil
import threading
from pathlib import Path

import pytest

from daemon.hints import Dirty, Hint, Moved, Rescan, Vanished
from daemon.watch import Watcher
from tests.daemon.watch_ear import until


class Follower:
    """A catalog in small: the set of files as the hints tell it. It never looks at a path that no hint named."""

    def __init__(self, root: bytes) -> None:
        self.root = root
        self.files: set[bytes] = set()
        self.hints: queue.SimpleQueue[Hint | None] = queue.SimpleQueue()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while (hint := self.hints.get()) is not None:
            match hint:
                case Dirty(path):
                    self._look(path)
                case Vanished(path):
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


def churn(root: bytes, away: bytes, chance: random.Random, steps: int) -> None:
    """Random changes, each of which may fail because an earlier one took its ground away."""
    names = [b"a", b"b", b"c", b"d"]

    def place(top: bytes = root) -> bytes:
        return b"/".join([top, *(chance.choice(names) for _ in range(chance.randint(1, 4)))])

    def make_file() -> None:
        with open(place() + b".f", "wb") as file:
            file.write(b"x")

    actions = [
        lambda: os.makedirs(place()),
        lambda: os.makedirs(place()),
        make_file,
        make_file,
        lambda: os.rename(place(), place()),
        lambda: os.rename(place(), place()),
        lambda: os.rename(place() + b".f", place() + b".f"),
        lambda: os.rename(place(), place(away)),
        lambda: os.rename(place(away), place()),
        lambda: os.unlink(place() + b".f"),
        lambda: os.rmdir(place()),
        lambda: shutil.rmtree(place(), ignore_errors=True),
        lambda: os.link(place() + b".f", place() + b".f"),
    ]
    for _ in range(steps):
        try:
            chance.choice(actions)()
        except OSError:
            continue


def on_disk(root: bytes) -> set[bytes]:
    return {folder + b"/" + name for folder, _, names in os.walk(root) for name in names}


@pytest.mark.parametrize("seed", range(6))
def test_a_follower_of_hints_knows_the_disk(tmp_path: Path, seed: int) -> None:
    root, away = os.fsencode(tmp_path / "root"), os.fsencode(tmp_path / "away")
    os.mkdir(root)
    os.makedirs(away + b"/a/b")
    follower = Follower(root)
    watcher = Watcher([root], follower.hints.put)
    watcher.start()
    follower.thread.start()
    try:
        churn(root, away, random.Random(seed), 4000)
        assert until(lambda: follower.files == on_disk(root)), follower.files ^ on_disk(root)
        directories = sum(1 for _ in os.walk(root))
        assert until(lambda: watcher.check()[0].watched == watcher.check()[0].directories == directories)
        for folder in [folder for folder, _, _ in os.walk(root)]:
            with open(folder + b"/.probe", "wb"):
                pass
        assert until(lambda: follower.files == on_disk(root)), follower.files ^ on_disk(root)
    finally:
        watcher.stop()
        follower.hints.put(None)
        follower.thread.join()
