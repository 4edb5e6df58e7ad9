"""Real overflows of the kernel's queue: events read are kept, the tree is walked, and one Rescan is submitted."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.watch.hints import Dirty, Hint, Rescan, Vanished
from daemon.watch.inotify import Inotify, InotifyEvent
from daemon.watch.rewalks import RewalkSchedule
from daemon.watch.tree import WatchTree
from tests.support.hint_recorder import HintRecorder, record_hints, write
from tests.support.waiting import wait_until


def max_queued_events() -> int:
    """Return how many events the kernel queues before it overflows."""
    with open("/proc/sys/fs/inotify/max_queued_events") as file:
        return int(file.read())


@pytest.fixture
def paused(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Return an event; while it is set, nothing reads the queue."""
    event = threading.Event()
    read = Inotify.read

    def paused_read(self: Inotify, timeout: float) -> list[InotifyEvent]:
        while event.is_set() and not self.closed:
            threading.Event().wait(0.005)
        return read(self, min(timeout, 0.05))

    monkeypatch.setattr(Inotify, "read", paused_read)
    return event


@pytest.fixture
def recorder(tmp_path: Path, paused: threading.Event) -> Iterator[HintRecorder]:
    for name in ("kept", "moved", "replaced", "removed/below"):
        (tmp_path / name).mkdir(parents=True)
    if max_queued_events() > 200_000:
        pytest.skip("max_queued_events is too high to overflow in a quick test")
    with record_hints(os.fsencode(tmp_path)) as recorder:
        yield recorder


def fill(recorder: HintRecorder, paused: threading.Event, events: int) -> None:
    """Queue that many events while nothing reads them; the kernel drops those that do not fit."""
    paused.set()
    threading.Event().wait(0.1)
    path = recorder.root + b"/kept/0"
    for n in range(events):
        if n % 2:
            os.unlink(path)
        else:
            os.mkfifo(path)


def test_lost_changes_end_in_one_rescan_and_full_coverage(recorder: HintRecorder, paused: threading.Event) -> None:
    root = recorder.root
    fill(recorder, paused, max_queued_events() + 100)
    os.makedirs(root + b"/new/below")
    os.rename(root + b"/moved", root + b"/new/moved")
    os.rmdir(root + b"/replaced")
    os.mkdir(root + b"/replaced")
    os.removedirs(root + b"/removed/below")
    paused.clear()
    assert recorder.receives(Rescan(root, "overflow"))
    assert recorder.hints.index(Dirty(root + b"/kept/0", closed=False)) < recorder.hints.index(Rescan(root, "overflow"))
    directories = [path for path, _, _ in os.walk(root)]
    assert wait_until(
        lambda: (recorder.check().directories, recorder.check().watched) == (len(directories), len(directories))
    )
    for path in directories:
        write(path + b"/after")
    for path in directories:
        assert recorder.receives(Dirty(path + b"/after", closed=True)), path
    assert recorder.hints.count(Rescan(root, "overflow")) == 1


def test_an_overflow_between_the_halves_of_a_rename(recorder: HintRecorder, paused: threading.Event) -> None:
    """The first half is the last event that fits: the directory has left its old path and has no new one."""
    fill(recorder, paused, max_queued_events() - 1)
    os.rename(recorder.root + b"/moved", recorder.root + b"/else")
    paused.clear()
    assert recorder.receives(Vanished(recorder.root + b"/moved", directory=True))
    assert recorder.receives(Rescan(recorder.root, "overflow"))
    assert wait_until(lambda: recorder.check().watched == recorder.check().directories == 6)
    write(recorder.root + b"/else/f")
    assert recorder.receives(Dirty(recorder.root + b"/else/f", closed=True))


def test_repeated_overflows_lead_to_walks_at_intervals(tmp_path: Path) -> None:
    """Each walk is followed by a pause of four times its length: a storm cannot keep the watcher walking."""
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
