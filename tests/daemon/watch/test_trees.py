"""New, moved and deleted directories: their hints, and that everything below them is watched."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.watch.hints import Dirty, Moved, Rescan, Vanished
from tests.support.hint_recorder import HintRecorder, record_hints, write
from tests.support.waiting import wait_until


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    path = os.fsencode(tmp_path / "root")
    os.makedirs(path + b"/album/raw/deep")
    for n in range(5):
        write(path + b"/album/raw/%d" % n)
    return path


@pytest.fixture
def away(tmp_path: Path) -> bytes:
    path = os.fsencode(tmp_path / "away")
    os.makedirs(path + b"/trip/day1/night")
    write(path + b"/trip/day1/f")
    return path


@pytest.fixture
def recorder(root: bytes) -> Iterator[HintRecorder]:
    with record_hints(root) as recorder:
        yield recorder


def assert_all_watched(recorder: HintRecorder) -> None:
    """Assert that every directory on disk is known, watched by the kernel, and reported under its current path."""
    on_disk = [path for path, _, _ in os.walk(recorder.root)]
    assert wait_until(
        lambda: (recorder.check().directories, recorder.check().watched) == (len(on_disk), len(on_disk))
    ), recorder.check()
    for path in on_disk:
        write(path + b"/.probe")
    for path in on_disk:
        assert recorder.receives(Dirty(path + b"/.probe", closed=True)), path


def test_a_rename_inside_the_root_gives_one_hint_and_changes_the_paths(recorder: HintRecorder) -> None:
    os.rename(recorder.root + b"/album", recorder.root + b"/book")
    assert recorder.settled_hints() == [
        Moved(recorder.root + b"/album", recorder.root + b"/book", directory=True),
        Rescan(recorder.root + b"/book", "renamed"),
    ]
    assert_all_watched(recorder)


def test_renames_back_and_forth(recorder: HintRecorder) -> None:
    for _ in range(100):
        os.rename(recorder.root + b"/album", recorder.root + b"/book")
        os.rename(recorder.root + b"/book", recorder.root + b"/album")
    assert_all_watched(recorder)


def test_a_directory_moved_out_gives_no_more_hints(recorder: HintRecorder, away: bytes) -> None:
    os.rename(recorder.root + b"/album", away + b"/album")
    assert recorder.receives(Vanished(recorder.root + b"/album", directory=True))
    before = len(recorder.hints)
    write(away + b"/album/raw/phantom")
    os.mkdir(away + b"/album/raw/ghost")
    recorder.settled_hints()
    assert not [hint for hint in recorder.hints[before:] if b"/album" in str(hint).encode()]
    assert wait_until(lambda: recorder.check().watched == 1)


def test_a_directory_moved_in_is_new(recorder: HintRecorder, away: bytes) -> None:
    os.rename(away + b"/trip", recorder.root + b"/trip")
    assert recorder.receives(Rescan(recorder.root + b"/trip", "new directory"))
    assert_all_watched(recorder)


def test_moved_out_and_back_in_under_another_name(recorder: HintRecorder, away: bytes) -> None:
    os.rename(recorder.root + b"/album", away + b"/album")
    os.rename(away + b"/album", recorder.root + b"/again")
    assert recorder.receives(Rescan(recorder.root + b"/again", "new directory"))
    assert_all_watched(recorder)


def test_a_deleted_tree(recorder: HintRecorder) -> None:
    shutil.rmtree(recorder.root + b"/album")
    assert recorder.receives(Vanished(recorder.root + b"/album", directory=True))
    assert_all_watched(recorder)


def test_exchanged_directories_keep_their_watches(recorder: HintRecorder) -> None:
    """renameat2(RENAME_EXCHANGE) is reported as two moves to existing names."""
    os.makedirs(recorder.root + b"/other/inner")
    recorder.settled_hints()
    at_fdcwd, exchange = -100, 2
    done = ctypes.CDLL(None).renameat2(
        at_fdcwd, recorder.root + b"/album", at_fdcwd, recorder.root + b"/other", exchange
    )
    if done != 0:
        pytest.skip("this filesystem cannot exchange two names")
    recorder.settled_hints()
    assert_all_watched(recorder)


def test_a_directory_replaced_by_another_rename(recorder: HintRecorder, away: bytes) -> None:
    os.mkdir(recorder.root + b"/empty")
    os.rename(recorder.root + b"/album", recorder.root + b"/empty")
    assert_all_watched(recorder)


@pytest.mark.parametrize("how", ["cp", "tar", "makedirs", "rsync"])
def test_trees_created_quickly_are_watched_completely(recorder: HintRecorder, away: bytes, how: str) -> None:
    for n in range(300):
        os.makedirs(away + b"/big/%d/%d" % (n % 7, n))
        write(away + b"/big/%d/%d/f" % (n % 7, n))
    target = recorder.root + b"/big"
    if how == "makedirs":
        for n in range(300):
            os.makedirs(target + b"/%d/%d/a/b/c" % (n % 7, n))
    elif shutil.which(how) is None:
        pytest.skip(f"{how} is not installed")
    elif how == "tar":
        subprocess.run([b"sh", b"-c", b'tar -C "$1" -c big | tar -C "$2" -x', b"sh", away, recorder.root], check=True)
    elif how == "rsync":
        subprocess.run([b"rsync", b"-a", away + b"/big", recorder.root], check=True)
    else:
        subprocess.run([b"cp", b"-r", away + b"/big", target], check=True)
    assert wait_until(lambda: any(isinstance(hint, Rescan) and hint.path == target for hint in recorder.hints))
    assert_all_watched(recorder)


def test_two_renames_of_new_nested_directories(recorder: HintRecorder) -> None:
    """The walk finds names that no longer exist; watchdog leaves directories unwatched here."""
    for n in range(100):
        os.makedirs(recorder.root + b"/new/x/y")
        os.rename(recorder.root + b"/new", recorder.root + b"/mid")
        os.rename(recorder.root + b"/mid", recorder.root + b"/final%d" % n)
    recorder.settled_hints()
    assert_all_watched(recorder)
