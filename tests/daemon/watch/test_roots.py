"""Roots that are deleted, restored, replaced or mounted over; several roots; missing roots at the start."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from daemon.watch.hints import Dirty, Rescan
from daemon.watch.observer import Watcher
from tests.support.hint_recorder import HintRecorder, record_hints, write
from tests.support.waiting import wait_until


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    path = os.fsencode(tmp_path / "root")
    os.makedirs(path + b"/sub")
    return path


def assert_watched_again(recorder: HintRecorder) -> None:
    recorder.watcher.add(recorder.root)
    assert recorder.check().alive
    assert recorder.receives(Rescan(recorder.root, "watched from now on"))
    write(recorder.root + b"/again")
    assert recorder.receives(Dirty(recorder.root + b"/again", closed=True))


def test_a_root_that_is_deleted_and_created_again(root: bytes) -> None:
    with record_hints(root) as recorder:
        shutil.rmtree(root)
        assert recorder.receives(Rescan(root, "the root was deleted or unmounted"))
        assert not recorder.check().alive and "is not available" in recorder.check().problem
        os.mkdir(root)
        assert wait_until(
            lambda: not recorder.check().alive
        )  # a directory of that name is not the one that was watched
        assert_watched_again(recorder)


def test_a_renamed_root(root: bytes) -> None:
    with record_hints(root) as recorder:
        os.rename(root, root + b"-else")
        assert wait_until(lambda: not recorder.check().alive)
        os.rename(root + b"-else", root)
        assert_watched_again(recorder)


def test_a_renamed_parent_of_the_root(root: bytes) -> None:
    """No event reports this; the check does."""
    with record_hints(root + b"/sub") as recorder:
        os.rename(root, root + b"-else")
        os.makedirs(root + b"/sub")
        assert not recorder.check().alive
        assert "replaced" in recorder.check().problem
        assert_watched_again(recorder)


def test_a_missing_root_does_not_stop_the_others(root: bytes) -> None:
    received: list[object] = []
    watcher = Watcher([root + b"/missing", root + b"/sub"], received.append)
    watcher.start()
    try:
        assert [coverage.alive for coverage in watcher.check()] == [False, True]
        os.mkdir(root + b"/missing")
        watcher.add(root + b"/missing")
        assert all(coverage.alive for coverage in watcher.check())
        write(root + b"/missing/f")
        write(root + b"/sub/f")
        assert wait_until(lambda: Dirty(root + b"/missing/f", closed=True) in received)
        assert wait_until(lambda: Dirty(root + b"/sub/f", closed=True) in received)
        watcher.remove(root + b"/missing")
        assert [coverage.root for coverage in watcher.check()] == [root + b"/sub"]
    finally:
        watcher.stop()


def test_a_root_that_is_a_file_is_not_watched(root: bytes) -> None:
    write(root + b"/file")
    with record_hints(root + b"/file") as recorder:
        assert not recorder.check().alive


def test_before_start_and_after_stop_nothing_is_alive(root: bytes) -> None:
    recorder = HintRecorder(root)
    assert not recorder.check().alive
    recorder.watcher.start()
    assert recorder.check().alive
    recorder.watcher.stop()
    assert not recorder.check().alive
    recorder.watcher.stop()


def test_adding_a_root_repeatedly_leaks_no_files(root: bytes) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = open_files()
    with record_hints(root) as recorder:
        for _ in range(20):
            recorder.watcher.add(root)
    assert open_files() == before


def test_a_failed_watcher_is_reported_and_can_be_restarted(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    from daemon.watch.event_translator import EventTranslator

    with record_hints(root) as recorder:

        def broken(self: EventTranslator, record: object) -> None:
            raise RuntimeError("a defect")

        monkeypatch.setattr(EventTranslator, "translate", broken)
        write(root + b"/f")
        assert recorder.receives(Rescan(root, "the watcher failed: a defect"))
        assert not recorder.check().alive
        monkeypatch.undo()
        assert_watched_again(recorder)


MOUNTED = """
import ctypes, os, subprocess, sys
from tests.support.hint_recorder import record_hints, write
from tests.support.waiting import wait_until
from daemon.watch.hints import Dirty, Rescan

libc = ctypes.CDLL(None, use_errno=True)
NEWNS, NEWUSER = 0x20000, 0x10000000
if libc.unshare(NEWNS if os.geteuid() == 0 else NEWNS | NEWUSER) != 0:
    sys.exit(77)
def mount(*words):
    if subprocess.run(["mount", *words]).returncode:
        sys.exit(77)
def umount(path):
    subprocess.run(["umount", path], check=True)

top = sys.argv[1]
mount("--make-rprivate", "/")
root = os.fsencode(top) + b"/r"
os.makedirs(root + b"/sub")
"""

CASES = {
    "over_root": """
        with record_hints(root) as recorder:
            mount("-t", "tmpfs", "none", root)
            assert not recorder.check().alive and "replaced" in recorder.check().problem, recorder.check()
            recorder.watcher.add(root)
            write(root + b"/f")
            assert recorder.receives(Dirty(root + b"/f", closed=True))
            umount(root)
            assert wait_until(lambda: not recorder.check().alive), recorder.check()
            recorder.watcher.add(root)
            assert recorder.check().alive and recorder.check().directories == 2, recorder.check()
    """,
    "below_root": """
        with record_hints(root) as recorder:
            recorder.check()
            mount("-t", "tmpfs", "none", root + b"/sub")
            recorder.check()
            assert recorder.receives(Rescan(root + b"/sub", "mounted or unmounted"))
            os.mkdir(root + b"/sub/inner")
            assert recorder.receives(Rescan(root + b"/sub/inner", "new directory"))
            write(root + b"/sub/inner/f")
            assert recorder.receives(Dirty(root + b"/sub/inner/f", closed=True))
            umount(root + b"/sub")
            assert wait_until(lambda: recorder.check().directories == recorder.check().watched == 2), recorder.check()
            write(root + b"/sub/g")
            assert recorder.receives(Dirty(root + b"/sub/g", closed=True))
            assert recorder.check().alive
    """,
    "bound_twice": """
        os.makedirs(root + b"/sub/inner")
        os.mkdir(root + b"/twin")
        mount("--bind", root + b"/sub", root + b"/twin")
        with record_hints(root) as recorder:
            coverage = recorder.check()
            assert coverage.uncovered in ((root + b"/sub",), (root + b"/twin",)), coverage
            assert "mounted twice" in coverage.problem
    """,
}


@pytest.mark.parametrize("case", CASES)
def test_mounts(tmp_path: Path, case: str) -> None:
    code = MOUNTED + textwrap.dedent(CASES[case])
    done = subprocess.run([sys.executable, "-c", code, tmp_path], capture_output=True, text=True, timeout=60)
    if done.returncode == 77:
        pytest.skip(f"mounting is not allowed here: {done.stderr.strip()}")
    assert done.returncode == 0, done.stderr
