"""A follower of the hints that rescans on request knows the files on disk, whatever the order of changes."""

import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from daemon.watch.observer import Watcher
from tests.support.hint_follower import Follower, on_disk
from tests.support.waiting import wait_until


def churn(root: bytes, away: bytes, chance: random.Random, steps: int) -> None:
    """Make random changes; each may fail, because an earlier one removed what it needs."""
    names = [b"a", b"b", b"c", b"d"]

    def place(top: bytes = root) -> bytes:
        return b"/".join([top, *(chance.choice(names) for _ in range(chance.randint(1, 4)))])

    def make_file() -> None:
        with open(place() + b".f", "wb") as file:
            file.write(b"x")

    actions: list[Callable[[], object]] = [
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


@pytest.mark.parametrize("seed", range(6))
def test_a_follower_of_hints_knows_the_files_on_disk(tmp_path: Path, seed: int) -> None:
    root, away = os.fsencode(tmp_path / "root"), os.fsencode(tmp_path / "away")
    os.mkdir(root)
    os.makedirs(away + b"/a/b")
    follower = Follower(root)
    watcher = Watcher([root], follower.hints.put)
    watcher.start()
    try:
        churn(root, away, random.Random(seed), 4000)
        assert wait_until(lambda: follower.files == on_disk(root)), follower.files ^ on_disk(root)
        directories = sum(1 for _ in os.walk(root))
        assert wait_until(lambda: watcher.check()[0].watched == watcher.check()[0].directories == directories), (
            watcher.check(),
            directories,
        )
        for folder in [folder for folder, _, _ in os.walk(root)]:
            with open(folder + b"/.probe", "wb"):
                pass
        assert wait_until(lambda: follower.files == on_disk(root)), follower.files ^ on_disk(root)
    finally:
        watcher.stop()
        follower.stop()
