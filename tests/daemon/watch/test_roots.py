"""Roots that go, come back, are replaced or mounted over; several roots; and starting without them."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from daemon.watch.hints import Dirty, Rescan
from daemon.watch.observer import Watcher
from tests.support.hint_recorder import Ear, listening, until, write


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    path = os.fsencode(tmp_path / "root")
    os.makedirs(path + b"/sub")
    return path


def assert_watched_again(ear: Ear) -> None:
    ear.watcher.add(ear.root)
    assert ear.check().alive
    assert ear.hears(Rescan(ear.root, "watched from now on"))
    write(ear.root + b"/again")
    assert ear.hears(Dirty(ear.root + b"/again", closed=True))


def test_deleted_and_recreated(root: bytes) -> None:
    with listening(root) as ear:
        shutil.rmtree(root)
        assert ear.hears(Rescan(root, "the root was deleted or unmounted"))
        assert not ear.check().alive and "is not available" in ear.check().problem
        os.mkdir(root)
        assert until(lambda: not ear.check().alive)  # a directory of that name is not the one that was watched
        assert_watched_again(ear)


def test_renamed_root(root: bytes) -> None:
    with listening(root) as ear:
        os.rename(root, root + b"-else")
        assert until(lambda: not ear.check().alive)
        os.rename(root + b"-else", root)
        assert_watched_again(ear)


def test_renamed_parent(root: bytes) -> None:
    """No event tells of this one; the check does."""
    with listening(root + b"/sub") as ear:
        os.rename(root, root + b"-else")
        os.makedirs(root + b"/sub")
        assert not ear.check().alive
        assert "replaced" in ear.check().problem
        assert_watched_again(ear)


def test_a_missing_root_does_not_stop_the_others(root: bytes) -> None:
    heard: list[object] = []
    watcher = Watcher([root + b"/missing", root + b"/sub"], heard.append)
    watcher.start()
    try:
        assert [coverage.alive for coverage in watcher.check()] == [False, True]
        os.mkdir(root + b"/missing")
        watcher.add(root + b"/missing")
        assert all(coverage.alive for coverage in watcher.check())
        write(root + b"/missing/f")
        write(root + b"/sub/f")
        assert until(lambda: Dirty(root + b"/missing/f", closed=True) in heard)
        assert until(lambda: Dirty(root + b"/sub/f", closed=True) in heard)
        watcher.remove(root + b"/missing")
        assert [coverage.root for coverage in watcher.check()] == [root + b"/sub"]
    finally:
        watcher.stop()


def test_a_root_that_is_a_file(root: bytes) -> None:
    write(root + b"/file")
    with listening(root + b"/file") as ear:
        assert not ear.check().alive


def test_before_start_and_after_stop_nothing_is_alive(root: bytes) -> None:
    ear = Ear(root)
    assert not ear.check().alive
    ear.watcher.start()
    assert ear.check().alive
    ear.watcher.stop()
    assert not ear.check().alive
    ear.watcher.stop()


def test_many_starts_leak_nothing(root: bytes) -> None:
    def open_files() -> int:
        return len(os.listdir("/proc/self/fd"))

    before = open_files()
    with listening(root) as ear:
        for _ in range(20):
            ear.watcher.add(root)
    assert open_files() == before


def test_a_dead_emitter_is_seen(root: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    from daemon.watch.event_translator import EventTranslator

    with listening(root) as ear:

        def broken(self: EventTranslator, record: object) -> None:
            raise RuntimeError("a defect")

        monkeypatch.setattr(EventTranslator, "translate", broken)
        write(root + b"/f")
        assert ear.hears(Rescan(root, "the watcher failed: a defect"))
        assert not ear.check().alive
        monkeypatch.undo()
        assert_watched_again(ear)


MOUNTED = """
import ctypes, os, subprocess, sys
from tests.support.hint_recorder import listening, until, write
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
        with listening(root) as ear:
            mount("-t", "tmpfs", "none", root)
            assert not ear.check().alive and "replaced" in ear.check().problem, ear.check()
            ear.watcher.add(root)
            write(root + b"/f")
            assert ear.hears(Dirty(root + b"/f", closed=True))
            umount(root)
            assert until(lambda: not ear.check().alive), ear.check()
            ear.watcher.add(root)
            assert ear.check().alive and ear.check().directories == 2, ear.check()
    """,
    "below_root": """
        with listening(root) as ear:
            ear.check()
            mount("-t", "tmpfs", "none", root + b"/sub")
            ear.check()
            assert ear.hears(Rescan(root + b"/sub", "mounted or unmounted"))
            os.mkdir(root + b"/sub/inner")
            assert ear.hears(Rescan(root + b"/sub/inner", "new directory"))
            write(root + b"/sub/inner/f")
            assert ear.hears(Dirty(root + b"/sub/inner/f", closed=True))
            umount(root + b"/sub")
            assert until(lambda: ear.check().directories == ear.check().watched == 2), ear.check()
            write(root + b"/sub/g")
            assert ear.hears(Dirty(root + b"/sub/g", closed=True))
            assert ear.check().alive
    """,
    "bound_twice": """
        os.makedirs(root + b"/sub/inner")
        os.mkdir(root + b"/twin")
        mount("--bind", root + b"/sub", root + b"/twin")
        with listening(root) as ear:
            coverage = ear.check()
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
