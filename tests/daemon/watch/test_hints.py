"""The hint for each kind of change to a file or directory, and the changes without a hint."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.watch.hints import Dirty, Moved, Rescan, Vanished
from daemon.watch.observer import Watcher
from tests.support.hint_recorder import HintRecorder, record_hints, write
from tests.support.waiting import wait_until


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
def recorder(root: bytes) -> Iterator[HintRecorder]:
    with record_hints(root) as recorder:
        yield recorder


def test_a_file_is_open_at_create_and_closed_at_close(recorder: HintRecorder) -> None:
    path = recorder.root + b"/new"
    with open(path, "wb") as file:
        assert recorder.receives(Dirty(path, closed=False))
        assert Dirty(path, closed=True) not in recorder.hints
        file.write(b"x")
    assert recorder.receives(Dirty(path, closed=True))


def test_rewriting_in_place_gives_a_hint_at_close(recorder: HintRecorder) -> None:
    with open(recorder.root + b"/sub/old", "r+b") as file:
        file.write(b"X")
    assert recorder.settled_hints() == [Dirty(recorder.root + b"/sub/old", closed=True)]


def test_moved_in_linked_and_symlinked_files_are_complete(recorder: HintRecorder, away: bytes) -> None:
    write(away + b"/in")
    os.rename(away + b"/in", recorder.root + b"/in")
    os.link(recorder.root + b"/sub/old", recorder.root + b"/hard")
    os.symlink(b"sub/old", recorder.root + b"/soft")
    assert recorder.settled_hints() == [
        Dirty(recorder.root + b"/" + name, closed=True) for name in (b"in", b"hard", b"soft")
    ]


def test_renaming_a_file_gives_one_move(recorder: HintRecorder) -> None:
    os.rename(recorder.root + b"/sub/old", recorder.root + b"/new")
    assert recorder.settled_hints() == [Moved(recorder.root + b"/sub/old", recorder.root + b"/new", directory=False)]


def test_atomic_replacement_gives_a_move_to_the_existing_name(recorder: HintRecorder) -> None:
    write(recorder.root + b"/sub/tmp")
    os.replace(recorder.root + b"/sub/tmp", recorder.root + b"/sub/old")
    assert recorder.settled_hints()[-1] == Moved(
        recorder.root + b"/sub/tmp", recorder.root + b"/sub/old", directory=False
    )


@pytest.mark.parametrize(
    "leave", [lambda path, away: os.unlink(path), lambda path, away: os.rename(path, away + b"/x")]
)
def test_a_file_that_leaves_the_root_vanishes(recorder: HintRecorder, away: bytes, leave: object) -> None:
    assert callable(leave)
    leave(recorder.root + b"/sub/old", away)
    assert recorder.settled_hints() == [Vanished(recorder.root + b"/sub/old", directory=False)]


def test_reading_and_listing_give_no_hint(recorder: HintRecorder) -> None:
    for _ in range(50):
        with open(recorder.root + b"/sub/old", "rb") as file:
            file.read()
        os.listdir(recorder.root + b"/sub")
        shutil.disk_usage(os.fsdecode(recorder.root))
    assert recorder.settled_hints() == []


def test_a_change_of_metadata_gives_no_hint(recorder: HintRecorder) -> None:
    """The documented gap: changes of metadata alone wait for the scan."""
    os.chmod(recorder.root + b"/sub/old", 0o600)
    os.utime(recorder.root + b"/sub/old", (1, 1))
    assert recorder.settled_hints() == []


@pytest.mark.parametrize("name", [b"\xff\xfe.jpg", b"new\nline.jpg", b"\x1b[31m.jpg", b"n" * 255, "ü日本.jpg".encode()])
def test_any_file_name_is_reported_as_bytes(recorder: HintRecorder, name: bytes) -> None:
    path = recorder.root + b"/sub/" + name
    write(path)
    os.rename(path, recorder.root + b"/" + name)
    os.unlink(recorder.root + b"/" + name)
    assert recorder.settled_hints() == [
        Dirty(path, closed=False),
        Dirty(path, closed=True),
        Moved(path, recorder.root + b"/" + name, directory=False),
        Vanished(recorder.root + b"/" + name, directory=False),
    ]


def test_any_directory_name_is_reported_as_bytes(recorder: HintRecorder) -> None:
    deep = recorder.root + b"/\xff\n/" + b"d" * 255
    os.makedirs(deep)
    assert recorder.receives(Rescan(recorder.root + b"/\xff\n", "new directory"))
    assert wait_until(lambda: recorder.check().watched == 4)  # a file created earlier is reported by a Rescan only
    write(deep + b"/\xfe")
    assert recorder.receives(Dirty(deep + b"/\xfe", closed=True))


def test_a_root_may_have_an_odd_name(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path) + b"/r\xff\n"
    os.mkdir(root)
    with record_hints(root) as recorder:
        write(root + b"/f")
        assert recorder.receives(Dirty(root + b"/f", closed=True))


def test_symlinked_directories_are_not_followed(root: bytes, away: bytes) -> None:
    os.symlink(away, root + b"/before")
    with record_hints(root) as recorder:
        os.symlink(away, root + b"/after")
        write(away + b"/f")
        assert recorder.settled_hints() == [Dirty(root + b"/after", closed=True)]
        assert recorder.check().directories == 2


def test_a_root_may_be_a_symlink(root: bytes) -> None:
    os.symlink(root, root + b"-link")
    with record_hints(root + b"-link") as recorder:
        write(root + b"/f")
        assert recorder.receives(Dirty(root + b"-link/f", closed=True))
        assert recorder.check().alive


def test_an_exception_in_submit_neither_ends_the_watcher_nor_loses_the_change(root: bytes) -> None:
    received: list[object] = []
    errors = [OSError("full"), ValueError("bad")]

    def failing_submit(hint: object) -> None:
        if errors:
            raise errors.pop()
        received.append(hint)

    watcher = Watcher([root], failing_submit)
    watcher.start()
    try:
        write(root + b"/a")
        assert wait_until(lambda: not errors)
        write(root + b"/b")
        assert wait_until(lambda: Dirty(root + b"/b", closed=True) in received)
        assert watcher.check()[0].alive
        assert Rescan(root, "a hint was refused") in received
    finally:
        watcher.stop()
