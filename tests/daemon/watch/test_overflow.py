"""The kernel's queue overflows for real: what was read is kept, what was missed is walked, and one Rescan says so."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.watch.hints import Dirty, Hint, Rescan, Vanished
from daemon.watch.inotify import Inotify, InotifyEvent
from daemon.watch.rewalks import RewalkSchedule
from daemon.watch.tree import WatchTree
from tests.support.hint_recorder import Ear, listening, until, write


def queue_length() -> int:
    """Records that the kernel queues before it overflows."""
    with open("/proc/sys/fs/inotify/max_queued_events") as file:
        return int(file.read())


@pytest.fixture
def deaf(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """While set, nothing reads the queue."""
    event = threading.Event()
    read = Inotify.read

    def held_back(self: Inotify, timeout: float) -> list[InotifyEvent]:
        while event.is_set() and not self.closed:
            threading.Event().wait(0.005)
        return read(self, min(timeout, 0.05))

    monkeypatch.setattr(Inotify, "read", held_back)
    return event


@pytest.fixture
def ear(tmp_path: Path, deaf: threading.Event) -> Iterator[Ear]:
    for name in ("kept", "moved", "replaced", "removed/below"):
        (tmp_path / name).mkdir(parents=True)
    if queue_length() > 200_000:
        pytest.skip("max_queued_events is too high to overflow in a quick test")
    with listening(os.fsencode(tmp_path)) as ear:
        yield ear


def fill(ear: Ear, deaf: threading.Event, records: int) -> None:
    """Queues that many records while nobody reads them; the kernel drops what does not fit."""
    deaf.set()
    threading.Event().wait(0.1)
    path = ear.root + b"/kept/0"
    for n in range(records):
        if n % 2:
            os.unlink(path)
        else:
            os.mkfifo(path)


def test_lost_changes_end_in_one_rescan_and_full_coverage(ear: Ear, deaf: threading.Event) -> None:
    root = ear.root
    fill(ear, deaf, queue_length() + 100)
    os.makedirs(root + b"/new/below")
    os.rename(root + b"/moved", root + b"/new/moved")
    os.rmdir(root + b"/replaced")
    os.mkdir(root + b"/replaced")
    os.removedirs(root + b"/removed/below")
    deaf.clear()
    assert ear.hears(Rescan(root, "overflow"))
    assert ear.hints.index(Dirty(root + b"/kept/0", closed=False)) < ear.hints.index(Rescan(root, "overflow"))
    directories = [path for path, _, _ in os.walk(root)]
    assert until(lambda: (ear.check().directories, ear.check().watched) == (len(directories), len(directories)))
    for path in directories:
        write(path + b"/after")
    for path in directories:
        assert ear.hears(Dirty(path + b"/after", closed=True)), path
    assert ear.hints.count(Rescan(root, "overflow")) == 1


def test_a_rename_cut_in_half(ear: Ear, deaf: threading.Event) -> None:
    """The first half is the last record that fits: the directory has left one place and not come to another."""
    fill(ear, deaf, queue_length() - 1)
    os.rename(ear.root + b"/moved", ear.root + b"/else")
    deaf.clear()
    assert ear.hears(Vanished(ear.root + b"/moved", directory=True))
    assert ear.hears(Rescan(ear.root, "overflow"))
    assert until(lambda: ear.check().watched == ear.check().directories == 6)
    write(ear.root + b"/else/f")
    assert ear.hears(Dirty(ear.root + b"/else/f", closed=True))


def test_a_storm_of_overflows_is_walked_at_intervals(tmp_path: Path) -> None:
    """Each walk is followed by four times its own length without one: a storm cannot keep the watcher walking."""
    now = [100.0]
    hints: list[Hint] = []
    inotify = Inotify()
    tree = WatchTree(os.fsencode(tmp_path), inotify)
    rewalks = RewalkSchedule(tree, hints.append, lambda: now[0])
    rewalks.walk_whole_tree()
    for _ in range(200):  # 20 seconds
        rewalks.resync("overflow")
        rewalks.run_slice()
        now[0] += 0.1
    assert 10 < len(hints) <= 20
    now[0] += 5
    rewalks.run_slice()
    count = len(hints)
    now[0] += 5
    rewalks.run_slice()
    assert len(hints) == count  # the last overflow led to a hint, and nothing after it
    assert rewalks.seconds_until_due() is None
    inotify.close()
