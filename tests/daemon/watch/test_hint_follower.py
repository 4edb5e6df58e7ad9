"""The queue between the watcher and the catalog: bounded, folded, and fed by the thread that reads inotify."""

import os
import threading
from collections import deque
from pathlib import Path
from typing import cast

import pytest

from catalog.config.load import Config
from daemon.watch import hint_follower
from daemon.watch.hint_follower import HintFollower, fold_hints
from daemon.watch.hints import Dirty, Hint, Moved, Rescan, Vanished
from daemon.watch.observer import Watcher
from daemon.writer import Writer
from tests.support.hint_recorder import write
from tests.support.waiting import wait_until

ROOTS = (b"/photos", b"/scans")


def make_follower(folder: Path) -> tuple[HintFollower, list[tuple[bytes, str]]]:
    """Return a follower, and the list to which it adds each scan it requests."""
    scans: list[tuple[bytes, str]] = []
    config = Config(folder / "config.toml", folder / "state", ROOTS)
    return HintFollower(config, cast(Writer, None), lambda path, reason: scans.append((path, reason))), scans


def test_too_many_hints_are_dropped_and_every_root_is_scanned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hint_follower, "MAX_WAITING_HINTS", 10)
    follower, scans = make_follower(tmp_path)
    for number in range(11):
        follower.submit(Rescan(b"/photos/%d" % number, "new directory"))
    follower.step()
    assert scans == [(root, "too many changes at once") for root in ROOTS] + [(b"/photos/10", "new directory")]
    follower.submit(Rescan(b"/photos/again", "new directory"))
    follower.step()
    assert scans[3:] == [(b"/photos/again", "new directory")]


def test_hints_are_followed_in_order_and_repeats_once(tmp_path: Path) -> None:
    follower, scans = make_follower(tmp_path)
    for name in (b"/photos/b", b"/photos/b", b"/photos/a"):
        follower.submit(Rescan(name, "new directory"))
    follower.step()
    assert [path for path, _ in scans] == [b"/photos/b", b"/photos/a"]


def test_hints_for_one_file_fold_unless_another_kind_is_between_them() -> None:
    opened, closed = Dirty(b"/photos/a", closed=False), Dirty(b"/photos/a", closed=True)
    moved, gone = Moved(b"/photos/a", b"/photos/b", directory=False), Vanished(b"/photos/c", directory=False)
    other = Dirty(b"/photos/d", closed=False)
    assert fold_hints(deque([opened, closed, other, opened])) == [other, closed]
    assert fold_hints(deque([opened, moved, closed, gone])) == [opened, moved, closed, gone]


def test_one_thread_reads_inotify_and_submits_the_hints(tmp_path: Path) -> None:
    """Each root has one thread, which also submits: watchdog adds no queue and no thread."""
    roots = [os.fsencode(tmp_path / name) for name in ("a", "b")]
    submitters: dict[bytes, set[int]] = {root: set() for root in roots}

    def submit(hint: Hint) -> None:
        if isinstance(hint, Dirty):
            submitters[os.path.dirname(hint.path)].add(threading.get_ident())

    for root in roots:
        os.mkdir(root)
    before = set(threading.enumerate())
    watcher = Watcher(roots, submit)
    watcher.start()
    try:
        started = {thread.ident for thread in set(threading.enumerate()) - before}
        for root in roots:
            write(root + b"/f")
        assert wait_until(lambda: all(submitters.values()))
        assert len(started) == 2
        assert set.union(*submitters.values()) == started
    finally:
        watcher.stop()
    assert set(threading.enumerate()) == before
