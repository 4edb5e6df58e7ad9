"""The trash of a file, and disks that are read-only, full, foreign, mounted twice or absent. Uses real mounts."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from catalog.filesystem.mounts import read_mounts
from catalog.filesystem.volume_identity import write_marker
from catalog.trash.location import Trash, make_trash, trash_of
from tests.support.fuse import mount_view
from tests.support.mounts import mounted, unmount
from tests.support.running_service import drop_powers, picture
from tests.support.trash_service import TrashService
from tests.support.waiting import wait_until

PLACE = 4
UID = os.geteuid()
MINE = b".Trash-%d" % UID


@contextmanager
def service_on_own_disk(folder: Path, *how: str | bytes) -> Iterator[tuple[TrashService, Path]]:
    """Return a service whose root is a disk of its own with three files, two of them copies."""
    service = TrashService(folder)
    root = service.path()
    (root / ".catalogd-root").unlink()
    with mounted(service.root, *(how or ("-t", "tmpfs", "none"))):
        write_marker(service.root)
        for name, seed in (("a.png", 1), ("copy of a.png", 1), ("b.png", 2)):
            (root / name).write_bytes(picture(seed))
        assert service.once().returncode == 0, service.tail()
        try:
            yield service, root
        finally:
            service.close()


def locate(folder: Path, data: Path, uid: int = UID) -> Trash | str:
    return trash_of(os.fsencode(folder), uid, os.fsencode(data), read_mounts())


# -- the trash of a file


def test_the_home_trash_is_used_on_its_filesystem_even_before_it_exists(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    found = locate(tmp_path / "photos", tmp_path / "home/.local/share")
    assert found == Trash(os.fsencode(tmp_path / "home/.local/share/Trash"), None)
    assert not (tmp_path / "home").exists()
    make_trash(found)
    assert stat.S_IMODE((tmp_path / "home/.local/share/Trash/files").stat().st_mode) == 0o700
    assert found.path_in_info(b"/p/a.jpg") == b"/p/a.jpg"


def test_another_filesystem_has_its_trash_at_its_top(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    (disk).mkdir()
    with mounted(os.fsencode(disk), "-t", "tmpfs", "none"):
        (disk / "a" / "b").mkdir(parents=True)
        found = locate(disk / "a" / "b", tmp_path)
        assert found == Trash(os.fsencode(disk) + b"/" + MINE, os.fsencode(disk))
        assert found.path_in_info(os.fsencode(disk / "a/b/c.jpg")) == b"a/b/c.jpg"
        (tmp_path / "link").symlink_to(disk / "a")
        assert locate(tmp_path / "link", tmp_path) == found
        assert found.path_in_info(os.fsencode(tmp_path / "link/c.jpg")) == b"a/c.jpg"


def test_a_shared_trash_has_to_be_a_real_directory_with_the_sticky_bit(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(os.fsencode(disk), "-t", "tmpfs", "none"):
        own, shared = Trash(os.fsencode(disk) + b"/" + MINE, os.fsencode(disk)), disk / ".Trash"
        shared.mkdir()
        assert locate(disk, tmp_path) == own
        shared.chmod(0o1777)
        assert locate(disk, tmp_path) == Trash(os.fsencode(shared / str(UID)), os.fsencode(disk))
        (shared / str(UID)).write_bytes(b"no directory")
        assert locate(disk, tmp_path) == own
        (shared / str(UID)).unlink()
        shared.rename(disk / "elsewhere")
        shared.symlink_to(disk / "elsewhere")
        assert locate(disk, tmp_path) == own


def test_a_filesystem_mounted_at_two_places_counts_as_two(tmp_path: Path) -> None:
    """A rename does not cross the mounts, though the device is the same."""
    disk = tmp_path / "disk"
    disk.mkdir()
    (tmp_path / "photos").mkdir()
    with mounted(os.fsencode(disk), "--bind", os.fsencode(tmp_path / "photos")):
        assert locate(disk, tmp_path) == Trash(os.fsencode(disk) + b"/" + MINE, os.fsencode(disk))
        assert locate(tmp_path / "photos", tmp_path) == Trash(os.fsencode(tmp_path / "Trash"), None)


def test_the_refusal_names_the_trash_that_is_needed(tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(os.fsencode(disk), "-t", "tmpfs", "none"):
        own = disk / os.fsdecode(MINE)
        own.mkdir()
        found = locate(disk, tmp_path, uid=UID)
        assert isinstance(found, Trash)
        own.rmdir()
        own.symlink_to(tmp_path)
        found = locate(disk, tmp_path)
        assert isinstance(found, str) and f"needs the trash {own}: is not a directory" in found
        own.unlink()
        own.mkdir()
        os.chown(own, 12345, 12345)
        found = locate(disk, tmp_path)
        assert isinstance(found, str) and f"needs the trash {own}: belongs to another user" in found
        assert "nothing is copied to another filesystem" in found


# -- the commands


def test_a_disk_has_its_own_trash_which_is_not_catalogued(tmp_path: Path) -> None:
    with service_on_own_disk(tmp_path) as (service, root):
        (line,) = service.json_lines("trash", "--yes", root / "a.png")
        trash = root / os.fsdecode(MINE)
        assert line["to"] == str(trash / "files" / "a.png")
        assert b"\nPath=a.png\n" in (trash / "info" / "a.png.trashinfo").read_bytes()
        assert service.once().returncode == 0
        assert {Path(os.fsdecode(path)).name: state[0] for path, state in service.states().items()} == {
            "a.png": "gone",
            "copy of a.png": "ok",
            "b.png": "ok",
        }
        assert service.findings() == []
        assert service.json_lines("restore", "--last")[0]["done"] and (root / "a.png").exists()


def test_the_live_service_sees_a_move_into_the_trash_of_its_own_root(tmp_path: Path) -> None:
    with service_on_own_disk(tmp_path) as (service, root):
        service.start()
        assert wait_until(lambda: not service.busy())
        assert service.catalog("trash", "--yes", root / "a.png").returncode == 0
        assert wait_until(lambda: not service.busy() and not service.findings()), service.findings()
        assert len(service.states()) == 3
        assert service.catalog("restore", "--last").returncode == 0
        assert wait_until(lambda: service.states()[os.fsencode(root / "a.png")][0] == "ok" and not service.busy())
        assert service.findings() == []
        assert service.stop() == 0


def test_the_home_trash_inside_a_root_is_not_catalogued(tmp_path: Path) -> None:
    """As for an owner whose root is the home directory."""
    service = TrashService(tmp_path)
    root = service.path()
    service.data = root / ".local" / "share"
    (root / "a.png").write_bytes(picture(1))
    assert service.once().returncode == 0
    assert service.catalog("trash", "--yes", "--last-copy", root / "a.png").returncode == 0
    assert (service.trash / "files" / "a.png").exists()
    assert service.once().returncode == 0
    assert [state[0] for state in service.states().values()] == ["gone"] and service.findings() == []
    assert service.catalog("restore", "--last").returncode == 0
    with service.config_path.open("r+") as file:
        text = file.read()
        file.seek(0)
        file.write('ignore = [".Trash-*"]\n' + text)
    assert service.once().returncode == 0
    (line,) = service.json_lines("trash", "--yes", "--last-copy", root / "a.png", code=1)
    assert line["refused"].startswith("would be catalogued again in")


def test_a_file_on_a_read_only_disk_is_refused(tmp_path: Path) -> None:
    with service_on_own_disk(tmp_path) as (service, root):
        with mounted(service.root, "-o", "remount,ro"):
            (line,) = service.json_lines("trash", "--yes", root / "a.png", code=1)
            assert line["refused"] == "is in a directory that cannot be changed: read-only file system"
            assert (root / "a.png").exists()
        assert service.json_lines("trash", "--list") == []


def test_a_file_in_a_directory_without_write_permission_is_refused(tmp_path: Path) -> None:
    service = TrashService(tmp_path)
    root = service.path()
    for name in ("a.png", "copy.png"):
        (root / name).write_bytes(picture(1))
    assert service.once().returncode == 0
    root.chmod(0o555)
    try:
        (line,) = service.json_lines("trash", "--yes", root / "a.png", code=1, preexec=drop_powers)
        assert line["refused"] == "is in a directory that cannot be changed: permission denied"
    finally:
        root.chmod(0o755)
    assert (root / "a.png").exists() and service.entries() == {}


def test_on_a_full_disk_nothing_is_moved_and_nothing_is_left(tmp_path: Path) -> None:
    with service_on_own_disk(tmp_path, "-t", "tmpfs", "-o", "size=1m", "none") as (service, root):
        trash = root / os.fsdecode(MINE)
        for part in ("files", "info"):
            (trash / part).mkdir(parents=True, mode=0o700)
        ballast = root / ".Trash-ballast"
        ballast.mkdir()
        with (ballast / "x").open("wb", buffering=0) as file, pytest.raises(OSError):
            while True:
                file.write(bytes(4096))
        (line,) = service.json_lines("trash", "--yes", root / "a.png", code=1)
        assert line["refused"] == "cannot be moved: no space left on device"
        assert (root / "a.png").read_bytes() == picture(1)
        assert list((trash / "files").iterdir()) == list((trash / "info").iterdir()) == []
        (ballast / "x").unlink()
        assert service.json_lines("trash", "--yes", root / "a.png")[0]["done"]
        assert service.json_lines("restore", "--last")[0]["done"]


def test_without_a_writable_journal_nothing_is_moved(tmp_path: Path) -> None:
    service = TrashService(tmp_path)
    root = service.path()
    for name in ("a.png", "copy.png"):
        (root / name).write_bytes(picture(1))
    assert service.once().returncode == 0
    journal = service.state / "journal.jsonl"
    aside = journal.read_bytes() if journal.exists() else b""
    journal.unlink(missing_ok=True)
    journal.mkdir()
    done = service.catalog("trash", "--yes", root / "a.png")
    assert done.returncode == PLACE and "remedy: " in done.stderr
    assert (root / "a.png").exists() and service.entries() == {}
    journal.rmdir()
    journal.write_bytes(aside)
    assert service.json_lines("trash", "--yes", root / "a.png")[0]["done"]


def test_nothing_is_copied_to_another_filesystem(tmp_path: Path) -> None:
    with service_on_own_disk(tmp_path) as (service, root):
        (root / os.fsdecode(MINE)).write_bytes(b"in the way")
        (line,) = service.json_lines("trash", "--yes", root / "a.png", code=1)
        assert line["refused"] == (
            f"needs the trash {root / os.fsdecode(MINE)}: is not a directory; nothing is copied to another filesystem"
        )
        (root / os.fsdecode(MINE)).unlink()
        assert service.json_lines("trash", "--yes", root / "a.png")[0]["done"]
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        (line,) = service.json_lines("restore", "--last", "--to", elsewhere, code=1)
        assert line["refused"] == "is in a trash on another filesystem; nothing is copied to another filesystem"
        assert service.json_lines("trash", "--list") and not list(elsewhere.iterdir())
        assert service.json_lines("restore", "--last")[0]["done"]


def test_a_file_on_a_disk_mounted_twice_is_not_a_copy_of_itself(tmp_path: Path) -> None:
    service = TrashService(tmp_path, roots=2)
    first, second = (Path(os.fsdecode(root)) for root in service.roots)
    (first / "sub").mkdir()
    (second / "sub").mkdir()
    (first / "sub" / "a.png").write_bytes(picture(1))
    with mounted(os.fsencode(second / "sub"), "--bind", os.fsencode(first / "sub")):
        assert service.once().returncode == 0
        assert [state[0] for state in service.states().values()] == ["ok", "ok"]
        (line,) = service.json_lines("trash", "--yes", first / "sub" / "a.png", code=1)
        assert "is the same file under another name" in line["refused"]
        assert (first / "sub" / "a.png").exists()


def test_a_file_that_is_its_own_survivor_through_another_device_is_put_back(tmp_path: Path) -> None:
    """A network share of a local folder: device and inode differ, and only that both files vanish at once shows it."""
    service = TrashService(tmp_path, roots=2)
    first, second = (Path(os.fsdecode(root)) for root in service.roots)
    (first / "sub").mkdir()
    (second / "sub").mkdir()
    (first / "sub" / "a.png").write_bytes(picture(1))
    try:
        with mount_view(os.fsencode(first / "sub"), os.fsencode(second / "sub"), tmp_path / "control"):
            assert service.once().returncode == 0
            assert [state[0] for state in service.states().values()] == ["ok", "ok"]
            (line,) = service.json_lines("trash", "--yes", first / "sub" / "a.png", code=1)
            assert line["refused"].startswith("is the same file as the copy to keep")
            assert (first / "sub" / "a.png").read_bytes() == picture(1) and service.entries() == {}
            assert service.json_lines("trash", "--list") == []
    except OSError:
        pytest.skip("FUSE cannot be mounted here")


def test_files_in_the_trash_of_an_absent_disk_stay_recorded(tmp_path: Path) -> None:
    """Absence proves nothing: no file is recorded as gone, or restored below an empty mount point."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with service_on_own_disk(tmp_path, "--bind", os.fsencode(disk)) as (service, root):
        (root / "sub").mkdir()
        (root / "sub" / "c.png").write_bytes(picture(3))
        assert service.once().returncode == 0
        assert service.catalog("trash", "--yes", "--last-copy", root / "sub" / "c.png", root / "a.png").returncode == 0
        unmount(service.root)
        assert {line["state"] for line in service.json_lines("trash", "--list")} == {"its disk is away"}
        assert service.json_lines("trash", "--purge", "--older-than", "0s", "--yes") == []
        for line in service.json_lines("restore", "--last", code=1):
            assert line["refused"] == "cannot be reached: its disk is away"
        assert list(root.iterdir()) == []
        (line,) = service.json_lines("trash", "--yes", "--last-copy", root / "b.png", code=1)
        assert line["refused"] in ("does not exist",) or "its disk is away" in line["refused"]
        with mounted(service.root, "--bind", os.fsencode(disk)):
            assert {line["state"] for line in service.json_lines("trash", "--list")} == {"in the trash"}
            assert all(line["done"] for line in service.json_lines("restore", "--last"))
            assert (root / "sub" / "c.png").read_bytes() == picture(3)
            assert service.once().returncode == 0 and service.findings() == []


def test_a_copy_on_an_absent_disk_does_not_count(tmp_path: Path) -> None:
    service = TrashService(tmp_path, roots=2)
    first, second = (Path(os.fsdecode(root)) for root in service.roots)
    (first / "a.png").write_bytes(picture(1))
    (second / "a.png").write_bytes(picture(1))
    assert service.once().returncode == 0
    second.rename(tmp_path / "away")
    second.mkdir()
    (line,) = service.json_lines("trash", "--yes", first / "a.png", code=1)
    assert f"the copy to keep is not verified: {second / 'a.png'} does not exist" == line["refused"]
    service.once()
    (line,) = service.json_lines("trash", "--yes", first / "a.png", code=1)
    assert line["refused"] == "has no other copy: use --last-copy to give it up"
    assert (first / "a.png").exists()
