"""Moves without replacement, on filesystems with and without exclusive rename and hard links."""

import errno
import os
from pathlib import Path

import pytest

from catalog.filesystem.rename import RenameFunction, hard_link, move_noreplace, rename_noreplace
from tests.support.mounts import mounted


def unsupported(source: bytes, target: bytes) -> None:
    raise OSError(errno.EINVAL, "Invalid argument")


def not_permitted(source: bytes, target: bytes) -> None:
    raise OSError(errno.EPERM, "Operation not permitted")


@pytest.fixture
def pair(tmp_path: Path) -> tuple[bytes, bytes]:
    (tmp_path / "a").write_bytes(b"mine")
    return os.fsencode(tmp_path / "a"), os.fsencode(tmp_path / "b")


def content(path: bytes) -> bytes:
    with open(path, "rb") as file:
        return file.read()


@pytest.mark.parametrize("rename", [rename_noreplace, unsupported])
def test_a_moved_file_keeps_its_inode(pair: tuple[bytes, bytes], rename: RenameFunction) -> None:
    inode = os.stat(pair[0]).st_ino
    move_noreplace(*pair, rename=rename)
    assert not os.path.lexists(pair[0])
    assert (os.stat(pair[1]).st_ino, os.stat(pair[1]).st_nlink) == (inode, 1)


@pytest.mark.parametrize("make_link", [hard_link, not_permitted])
@pytest.mark.parametrize("rename", [rename_noreplace, unsupported])
def test_an_existing_target_is_never_replaced(
    pair: tuple[bytes, bytes], rename: RenameFunction, make_link: RenameFunction
) -> None:
    for make in (lambda: Path(os.fsdecode(pair[1])).write_bytes(b"theirs"), lambda: os.symlink("nowhere", pair[1])):
        make()
        with pytest.raises(FileExistsError):
            move_noreplace(*pair, rename=rename, link=make_link)
        assert content(pair[0]) == b"mine"
        os.unlink(pair[1])


def test_a_file_is_moved_without_hard_links_too(pair: tuple[bytes, bytes]) -> None:
    move_noreplace(*pair, rename=unsupported, link=not_permitted)
    assert content(pair[1]) == b"mine" and not os.path.lexists(pair[0])


@pytest.mark.parametrize("rename", [rename_noreplace, unsupported])
def test_a_move_to_another_filesystem_raises(pair: tuple[bytes, bytes], rename: RenameFunction, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(os.fsencode(disk), "-t", "tmpfs", "none"):
        with pytest.raises(OSError) as caught:
            move_noreplace(pair[0], os.fsencode(disk / "b"), rename=rename)
        assert caught.value.errno == errno.EXDEV
    assert content(pair[0]) == b"mine"
