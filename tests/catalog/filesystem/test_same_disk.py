"""One file by several paths, and snapshots of the same disk: real mounts, and a real Btrfs where its tools are."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.duplicates.disk_layout import DiskLayout
from catalog.filesystem import same_disk
from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.same_disk import DirectoryEntry, Disk, directory_entries, disk_of, is_snapshot_of
from tests.support.mounts import mounted


def disk(path: Path) -> Disk:
    found = disk_of(os.fsencode(path), read_mounts())
    assert found is not None
    return found


def entries(*paths: Path) -> list[DirectoryEntry]:
    found = directory_entries(map(os.fsencode, paths))
    return [found[os.fsencode(path)] for path in paths]


def folders(top: Path, *names: str) -> list[Path]:
    made = [top / name for name in names]
    for path in made:
        path.mkdir()
    return made


# -- directory entries


def test_hard_links_have_entries_of_their_own(tmp_path: Path) -> None:
    one, two = folders(tmp_path, "one", "two")
    (one / "a").write_bytes(b"x")
    for link in (one / "A", two / "a"):
        link.hardlink_to(one / "a")
    assert len(set(entries(one / "a", one / "A", two / "a"))) == 3


def test_a_symbolic_link_above_and_a_bind_mount_show_the_same_entry(tmp_path: Path) -> None:
    one, two = folders(tmp_path, "one", "two")
    (one / "a").write_bytes(b"x")
    (tmp_path / "link").symlink_to(one)
    with mounted(os.fsencode(two), "--bind", os.fsencode(one)):
        assert len(set(entries(one / "a", two / "a", tmp_path / "link" / "a"))) == 1
        assert disk(one).device == disk(two).device


def test_another_spelling_is_the_same_entry_where_the_folder_lists_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a filesystem that ignores case, where both names lead to one file."""
    paths = [tmp_path / name for name in ("IMG.jpg", "img.JPG", "Img.jpg")]
    monkeypatch.setattr(same_disk.os, "listdir", lambda folder: [b"img.JPG", b"other"])
    assert len(set(entries(*paths))) == 1
    monkeypatch.setattr(same_disk.os, "listdir", lambda folder: [b"img.JPG", b"IMG.jpg"])
    assert len(set(entries(*paths[:2]))) == 2


def test_a_path_in_a_missing_folder_has_no_entry(tmp_path: Path) -> None:
    assert directory_entries([os.fsencode(tmp_path / "no" / "a")]) == {}


# -- disks and snapshots


def test_a_read_only_mount_of_the_same_disk_is_a_snapshot_and_another_disk_is_not(tmp_path: Path) -> None:
    live, view, other = folders(tmp_path, "live", "view", "other")
    with ExitStack() as mounts:
        mounts.enter_context(mounted(os.fsencode(live), "-t", "tmpfs", "none"))
        mounts.enter_context(mounted(os.fsencode(other), "-t", "tmpfs", "-o", "ro", "none"))
        mounts.enter_context(mounted(os.fsencode(view), "--bind", os.fsencode(live)))
        assert not is_snapshot_of(disk(view), disk(live))
        subprocess.run(["mount", "-o", "remount,ro,bind", view], check=True)
        assert is_snapshot_of(disk(view), disk(live))
        assert not is_snapshot_of(disk(live), disk(view)) and not is_snapshot_of(disk(view), disk(view))
        assert disk(other).read_only and not is_snapshot_of(disk(other), disk(live))


def _subvolume(*words: str | Path) -> None:
    subprocess.run(["btrfs", "subvolume", *words], check=True, stdout=subprocess.DEVNULL)


@pytest.fixture
def btrfs(tmp_path: Path) -> Iterator[Path]:
    """Yield a filesystem with a subvolume `live`, a writable and a read-only snapshot of it."""
    make, image = shutil.which("mkfs.btrfs"), tmp_path / "image"
    if make is None or shutil.which("btrfs") is None:
        pytest.skip("btrfs-progs is not installed")
    (top,) = folders(tmp_path, "btrfs")
    with image.open("wb") as file:
        file.truncate(128 << 20)
    subprocess.run([make, "-q", image], check=True, stdout=subprocess.DEVNULL)
    with mounted(os.fsencode(top), "-o", "loop", os.fsencode(image)):
        _subvolume("create", top / "live")
        (top / "live" / "a").write_bytes(b"x")
        _subvolume("snapshot", top / "live", top / "copy")
        _subvolume("snapshot", "-r", top / "live", top / "daily")
        yield top


def test_a_btrfs_snapshot_is_known_without_a_mount_of_its_own(btrfs: Path) -> None:
    layout = DiskLayout({1: disk(btrfs)})
    live, copy, daily = (os.fsencode(btrfs / name) for name in ("live", "copy", "daily"))
    assert [layout.in_snapshot(1, folder) for folder in (os.fsencode(btrfs), live, copy, daily)] == [*[False] * 3, True]
    inodes = {os.stat(folder + b"/a").st_ino for folder in (live, copy, daily)}
    assert len(inodes) == 1, "the numbers repeat"
    assert len({layout.inode_space(1, folder) for folder in (os.fsencode(btrfs), live, copy, daily)}) == 4


def test_a_mounted_btrfs_snapshot_is_one_of_the_same_disk(btrfs: Path, tmp_path: Path) -> None:
    (view,) = folders(tmp_path, "view")
    (source,) = {mount.source for mount in read_mounts() if mount.path == os.fsencode(btrfs)}
    with mounted(os.fsencode(view), "-o", "subvol=daily", source):
        assert is_snapshot_of(disk(view), disk(btrfs / "live"))
        layout = DiskLayout({1: disk(btrfs), 2: disk(view)})
        assert layout.in_snapshot(2, os.fsencode(view))
        assert layout.inode_space(1, os.fsencode(btrfs / "daily")) == layout.inode_space(2, os.fsencode(view)) == 2


DISKS = st.builds(
    Disk, st.integers(1, 4), st.frozensets(st.sampled_from(["/dev/a", "/dev/b", "nas:/x"])), st.booleans()
)


@given(st.dictionaries(st.integers(1, 9), DISKS, max_size=6))
def test_volumes_share_inodes_by_device_and_a_writable_one_is_no_snapshot(disks: dict[int, Disk]) -> None:
    layout = DiskLayout(disks)
    for volume, one in disks.items():
        same = {
            other for other, disk in disks.items() if layout.inode_space(other, b"") == layout.inode_space(volume, b"")
        }
        assert same == {other for other, disk in disks.items() if disk.device == one.device}
        live = [other for other in disks.values() if not other.read_only and other.names & one.names]
        assert layout.in_snapshot(volume, b"") == (one.read_only and bool(live))
    assert layout.inode_space(99, b"") == 99 and not layout.in_snapshot(99, b"")
