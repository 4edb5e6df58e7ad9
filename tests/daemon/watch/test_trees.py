"""Directories that come, move and go: what is told of them, and that nothing below them is unwatched."""

import ctypes
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.watch.hints import Dirty, Moved, Rescan, Vanished
from tests.support.hint_recorder import Ear, listening, until, write


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
def ear(root: bytes) -> Iterator[Ear]:
    with listening(root) as ear:
        yield ear


def assert_all_watched(ear: Ear) -> None:
    """Every directory on disk is known, watched in the kernel, and tells under its true path."""
    on_disk = [path for path, _, _ in os.walk(ear.root)]
    assert until(lambda: (ear.check().directories, ear.check().watched) == (len(on_disk), len(on_disk))), ear.check()
    for path in on_disk:
        write(path + b"/.probe")
    for path in on_disk:
        assert ear.hears(Dirty(path + b"/.probe", closed=True)), path


def test_rename_within_is_one_hint_and_moves_the_paths(ear: Ear) -> None:
    os.rename(ear.root + b"/album", ear.root + b"/book")
    assert ear.quiet() == [
        Moved(ear.root + b"/album", ear.root + b"/book", directory=True),
        Rescan(ear.root + b"/book", "renamed"),
    ]
    assert_all_watched(ear)


def test_rename_back_and_forth(ear: Ear) -> None:
    for _ in range(100):
        os.rename(ear.root + b"/album", ear.root + b"/book")
        os.rename(ear.root + b"/book", ear.root + b"/album")
    assert_all_watched(ear)


def test_a_directory_moved_out_is_silent_afterwards(ear: Ear, away: bytes) -> None:
    os.rename(ear.root + b"/album", away + b"/album")
    assert ear.hears(Vanished(ear.root + b"/album", directory=True))
    before = len(ear.hints)
    write(away + b"/album/raw/phantom")
    os.mkdir(away + b"/album/raw/ghost")
    ear.quiet()
    assert not [hint for hint in ear.hints[before:] if b"/album" in str(hint).encode()]
    assert until(lambda: ear.check().watched == 1)


def test_a_directory_moved_in_is_new(ear: Ear, away: bytes) -> None:
    os.rename(away + b"/trip", ear.root + b"/trip")
    assert ear.hears(Rescan(ear.root + b"/trip", "new directory"))
    assert_all_watched(ear)


def test_moved_out_and_back_in_under_another_name(ear: Ear, away: bytes) -> None:
    os.rename(ear.root + b"/album", away + b"/album")
    os.rename(away + b"/album", ear.root + b"/again")
    assert ear.hears(Rescan(ear.root + b"/again", "new directory"))
    assert_all_watched(ear)


def test_deleted_tree(ear: Ear) -> None:
    shutil.rmtree(ear.root + b"/album")
    assert ear.hears(Vanished(ear.root + b"/album", directory=True))
    assert_all_watched(ear)


def test_exchanged_directories_keep_their_watches(ear: Ear) -> None:
    """renameat2(RENAME_EXCHANGE) tells of two moves onto names that exist."""
    os.makedirs(ear.root + b"/other/inner")
    ear.quiet()
    at_fdcwd, exchange = -100, 2
    done = ctypes.CDLL(None).renameat2(at_fdcwd, ear.root + b"/album", at_fdcwd, ear.root + b"/other", exchange)
    if done != 0:
        pytest.skip("this filesystem cannot exchange two names")
    ear.quiet()
    assert_all_watched(ear)


def test_a_directory_replaced_by_another_rename(ear: Ear, away: bytes) -> None:
    os.mkdir(ear.root + b"/empty")
    os.rename(ear.root + b"/album", ear.root + b"/empty")
    assert_all_watched(ear)


@pytest.mark.parametrize("how", ["cp", "tar", "makedirs", "rsync"])
def test_trees_made_quickly_are_covered_whole(ear: Ear, away: bytes, how: str) -> None:
    for n in range(300):
        os.makedirs(away + b"/big/%d/%d" % (n % 7, n))
        write(away + b"/big/%d/%d/f" % (n % 7, n))
    target = ear.root + b"/big"
    if how == "makedirs":
        for n in range(300):
            os.makedirs(target + b"/%d/%d/a/b/c" % (n % 7, n))
    elif shutil.which(how) is None:
        pytest.skip(f"{how} is not installed")
    elif how == "tar":
        subprocess.run([b"sh", b"-c", b'tar -C "$1" -c big | tar -C "$2" -x', b"sh", away, ear.root], check=True)
    elif how == "rsync":
        subprocess.run([b"rsync", b"-a", away + b"/big", ear.root], check=True)
    else:
        subprocess.run([b"cp", b"-r", away + b"/big", target], check=True)
    assert until(lambda: any(isinstance(hint, Rescan) and hint.path == target for hint in ear.hints))
    assert_all_watched(ear)


def test_double_rename_of_fresh_nested_directories(ear: Ear) -> None:
    """Where watchdog leaves directories unwatched: the walk meets names that have gone already."""
    for n in range(100):
        os.makedirs(ear.root + b"/new/x/y")
        os.rename(ear.root + b"/new", ear.root + b"/mid")
        os.rename(ear.root + b"/mid", ear.root + b"/final%d" % n)
    ear.quiet()
    assert_all_watched(ear)
