"""Which hint each single change to a file or directory gives, and which changes give none."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.watch.hints import Dirty, Moved, Rescan, Vanished
from daemon.watch.observer import Watcher
from tests.support.hint_recorder import Ear, listening, until, write


@pytest.fixture
def root(tmp_path: Path) -> bytes:
    path = tmp_path / "root"
    path.mkdir()
    (path / "sub").mkdir()
    (path / "sub" / "old").write_bytes(b"old")
    return os.fsencode(path)


@pytest.fixture
def away(tmp_path: Path) -> bytes:
    path = tmp_path / "away"
    path.mkdir()
    return os.fsencode(path)


@pytest.fixture
def ear(root: bytes) -> Iterator[Ear]:
    with listening(root) as ear:
        yield ear


def test_a_file_is_open_at_create_and_closed_at_close(ear: Ear) -> None:
    path = ear.root + b"/new"
    with open(path, "wb") as file:
        assert ear.hears(Dirty(path, closed=False))
        assert Dirty(path, closed=True) not in ear.hints
        file.write(b"x")
    assert ear.hears(Dirty(path, closed=True))


def test_rewriting_in_place_tells_the_close(ear: Ear) -> None:
    with open(ear.root + b"/sub/old", "r+b") as file:
        file.write(b"X")
    assert ear.quiet() == [Dirty(ear.root + b"/sub/old", closed=True)]


def test_moved_in_linked_and_symlinked_files_are_complete(ear: Ear, away: bytes) -> None:
    write(away + b"/in")
    os.rename(away + b"/in", ear.root + b"/in")
    os.link(ear.root + b"/sub/old", ear.root + b"/hard")
    os.symlink(b"sub/old", ear.root + b"/soft")
    assert ear.quiet() == [Dirty(ear.root + b"/" + name, closed=True) for name in (b"in", b"hard", b"soft")]


def test_rename_of_a_file_is_one_move(ear: Ear) -> None:
    os.rename(ear.root + b"/sub/old", ear.root + b"/new")
    assert ear.quiet() == [Moved(ear.root + b"/sub/old", ear.root + b"/new", directory=False)]


def test_atomic_replacement_is_a_move_onto_the_name(ear: Ear) -> None:
    write(ear.root + b"/sub/tmp")
    os.replace(ear.root + b"/sub/tmp", ear.root + b"/sub/old")
    assert ear.quiet()[-1] == Moved(ear.root + b"/sub/tmp", ear.root + b"/sub/old", directory=False)


@pytest.mark.parametrize(
    "leave", [lambda path, away: os.unlink(path), lambda path, away: os.rename(path, away + b"/x")]
)
def test_a_file_that_leaves_vanishes(ear: Ear, away: bytes, leave: object) -> None:
    assert callable(leave)
    leave(ear.root + b"/sub/old", away)
    assert ear.quiet() == [Vanished(ear.root + b"/sub/old", directory=False)]


def test_reading_and_listing_tell_nothing(ear: Ear) -> None:
    for _ in range(50):
        with open(ear.root + b"/sub/old", "rb") as file:
            file.read()
        os.listdir(ear.root + b"/sub")
        shutil.disk_usage(os.fsdecode(ear.root))
    assert ear.quiet() == []


def test_metadata_alone_tells_nothing(ear: Ear) -> None:
    """The documented gap: what changes no content waits for the scan."""
    os.chmod(ear.root + b"/sub/old", 0o600)
    os.utime(ear.root + b"/sub/old", (1, 1))
    assert ear.quiet() == []


@pytest.mark.parametrize("name", [b"\xff\xfe.jpg", b"new\nline.jpg", b"\x1b[31m.jpg", b"n" * 255, "ü日本.jpg".encode()])
def test_names_are_bytes(ear: Ear, name: bytes) -> None:
    path = ear.root + b"/sub/" + name
    write(path)
    os.rename(path, ear.root + b"/" + name)
    os.unlink(ear.root + b"/" + name)
    assert ear.quiet() == [
        Dirty(path, closed=False),
        Dirty(path, closed=True),
        Moved(path, ear.root + b"/" + name, directory=False),
        Vanished(ear.root + b"/" + name, directory=False),
    ]


def test_directory_names_are_bytes(ear: Ear) -> None:
    deep = ear.root + b"/\xff\n/" + b"d" * 255
    os.makedirs(deep)
    assert ear.hears(Rescan(ear.root + b"/\xff\n", "new directory"))
    assert until(lambda: ear.check().watched == 4)  # a file made earlier is told by a Rescan alone
    write(deep + b"/\xfe")
    assert ear.hears(Dirty(deep + b"/\xfe", closed=True))


def test_a_root_with_an_odd_name(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path) + b"/r\xff\n"
    os.mkdir(root)
    with listening(root) as ear:
        write(root + b"/f")
        assert ear.hears(Dirty(root + b"/f", closed=True))


def test_symlinked_directories_are_not_followed(root: bytes, away: bytes) -> None:
    os.symlink(away, root + b"/before")
    with listening(root) as ear:
        os.symlink(away, root + b"/after")
        write(away + b"/f")
        assert ear.quiet() == [Dirty(root + b"/after", closed=True)]
        assert ear.check().directories == 2


def test_a_root_may_be_a_symlink(root: bytes) -> None:
    os.symlink(root, root + b"-link")
    with listening(root + b"-link") as ear:
        write(root + b"/f")
        assert ear.hears(Dirty(root + b"-link/f", closed=True))
        assert ear.check().alive


def test_what_tell_raises_neither_kills_the_watcher_nor_loses_the_change(root: bytes) -> None:
    heard: list[object] = []
    moods = [OSError("full"), ValueError("bad")]

    def moody(hint: object) -> None:
        if moods:
            raise moods.pop()
        heard.append(hint)

    watcher = Watcher([root], moody)
    watcher.start()
    try:
        write(root + b"/a")
        assert until(lambda: not moods)
        write(root + b"/b")
        assert until(lambda: Dirty(root + b"/b", closed=True) in heard)
        assert watcher.check()[0].alive
        assert Rescan(root, "a hint was refused") in heard
    finally:
        watcher.stop()
