"""No original is ever opened for writing: told by the kernel, and by a disk that cannot be written to."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.mounts import mounted
from tests.support.running_service import RunningService, picture
from tests.support.waiting import wait_until

pytestmark = pytest.mark.timeout(300)
BIN = Path(sys.executable).parent
TRACED = "%file,%desc"  # whatever takes a path or a descriptor
# What may touch the collection: all of it looks, none of it leaves a trace.
LOOKS = {
    *(
        "open",
        "openat",
        "openat2",
        "close",
        "read",
        "pread64",
        "readv",
        "preadv",
        "preadv2",
        "lseek",
        "mmap",
        "fadvise64",
    ),
    *("stat", "lstat", "fstat", "newfstatat", "statx", "statfs", "fstatfs", "access", "faccessat", "faccessat2"),
    *("getdents64", "readlink", "readlinkat", "getxattr", "lgetxattr", "fgetxattr", "listxattr", "flistxattr"),
    *("inotify_add_watch", "ioctl", "fcntl", "dup", "readahead", "execve"),
}
# What these carry may tell of the collection; only where it goes counts.
CARRIES = ("write", "writev", "pwrite64", "pwritev", "read", "readv", "pread64", "preadv", "preadv2")
WRITING = ("O_WRONLY", "O_RDWR", "O_CREAT", "O_TRUNC", "O_APPEND", "O_TMPFILE")
CALL = re.compile(r"^\d+ +(?:<\.\.\. )?(\w+)")


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """Healthy files, copies, a damaged one, text, a link, a folder."""
    made = RunningService(tmp_path)
    add_images(made.path())
    yield made
    made.close()


def add_images(root: Path) -> None:
    (root / "folder").mkdir()
    for seed in range(6):
        (root / "folder" / f"{seed}.png").write_bytes(picture(seed))
        (root / f"{seed}.jpg").write_bytes(picture(seed, "JPEG"))
    (root / "copy.png").write_bytes(picture(1))
    (root / "cut.png").write_bytes(picture(2)[:90])
    (root / "notes.jpg").write_text("no picture")
    (root / "link.png").symlink_to("copy.png")


def traced(log: Path, *command: str | Path) -> list[str]:
    """Run a command and all that it starts under strace; the lines of its calls."""
    if shutil.which("strace") is None or subprocess.run(["strace", "-o", "/dev/null", "true"]).returncode:
        pytest.skip("needs strace, and the right to trace")
    strace = ["strace", "-f", "-y", "-s", "4096", "-e", f"trace={TRACED}", "-o", log]
    done = subprocess.run([*strace, *command], capture_output=True, text=True, timeout=240)
    assert done.returncode in (0, 1), done.stderr
    return log.read_text("utf-8", "replace").splitlines()


def writes(lines: list[str], root: bytes) -> list[str]:
    """The calls that touch the collection and might change it."""
    found = []
    for line in lines:
        call = CALL.match(line)
        where = line.partition('"')[0] if call and call[1] in CARRIES else line
        if call is None or not re.search(rf'{re.escape(os.fsdecode(root))}[/">]', where):
            continue
        asks = call[1].startswith("open") and any(word in line for word in WRITING)
        shares = "PROT_WRITE" in line and "MAP_SHARED" in line
        if call[1] not in LOOKS or asks or shares:
            found.append(line)
    return found


@pytest.mark.parametrize(
    "deed",
    [
        "open(path, 'r+b').close()",
        "open(path + 'x', 'wb').close()",
        "os.utime(path)",
        "os.chmod(path, 0o600)",
        "os.rename(path, path + 'x')",
        "os.unlink(path)",
        "os.truncate(path, 5)",
        "os.setxattr(path, 'user.x', b'y')",
        "os.mkdir(path + 'x')",
        "os.chdir(os.path.dirname(path)); os.unlink(os.path.basename(path))",
    ],
)
def test_the_trace_sees_every_kind_of_writing(service: RunningService, deed: str) -> None:
    path = os.path.join(os.fsdecode(service.root), "copy.png")
    program = f"import os, contextlib\npath = {path!r}\nwith contextlib.suppress(OSError):\n    {deed}"
    assert writes(traced(service.folder / "trace", sys.executable, "-c", program), service.root)


def test_no_call_asks_for_more_than_to_look(service: RunningService) -> None:
    before = snapshot(service.root)
    catalog, config = BIN / "catalog", ("--config", service.config_path)
    for number, command in enumerate(
        (
            (BIN / "catalogd", *config, "--once"),
            (catalog, "scrub", *config),
            (catalog, "check", "--fix", *config),
            (catalog, "dups", "--near", *config),
            (catalog, "similar", os.path.join(os.fsdecode(service.root), "3.jpg"), *config),
            (catalog, "rejected", *config),
        )
    ):
        lines = traced(service.folder / f"trace{number}", *command)
        assert number or len([line for line in lines if "folder/3.png" in line and "O_RDONLY" in line]) >= 1
        assert writes(lines, service.root) == [], command
    assert len(service.vectors()) == 12
    assert snapshot(service.root) == before  # not even the time of reading has changed
    assert writes(traced(service.folder / "trace", catalog, "doctor", *config), service.root) == []


def snapshot(root: bytes) -> list[tuple[object, ...]]:
    """All that a stat tells, times of reading among it."""
    found: list[tuple[object, ...]] = []
    for top, _, names in os.walk(root):
        for name in names:
            path = os.path.join(top, name)
            stat = os.lstat(path)
            atime = 0 if os.path.islink(path) or name == b".catalogd-root" else stat.st_atime_ns
            found.append((path, stat.st_ino, stat.st_mode, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, atime))
    return sorted(found, key=repr)


def test_all_of_the_service_runs_on_a_disk_that_cannot_be_written(service: RunningService) -> None:
    """The owner changes files at another place of the same disk; to the service it is read-only."""
    root = service.path()
    disk = service.folder / "disk"
    root.rename(disk)
    root.mkdir()
    with mounted(service.root, "--bind", str(disk)):
        subprocess.run(["mount", "-o", "remount,ro,bind", root], check=True)
        with pytest.raises(OSError, match="Read-only"):
            (root / "x").touch()
        service.start()
        assert wait_until(lambda: len(service.vectors()) == 12 and not service.busy() and not service.findings()), (
            service.tail()
        )
        (disk / "new.png").write_bytes(picture(50))
        (disk / "folder" / "1.png").write_bytes(picture(51))
        (disk / "2.jpg").write_bytes(picture(2, "JPEG")[:200])
        (disk / "folder" / "5.png").unlink()
        (disk / "folder").rename(disk / "moved")
        assert wait_until(lambda: len(service.vectors()) == 14 and not service.busy() and not service.findings()), (
            service.tail()
        )
        done = subprocess.run(
            [BIN / "catalog", "scrub", "--config", service.config_path], capture_output=True, text=True, timeout=120
        )
        assert done.returncode in (0, 1), done.stderr
        assert service.stop() == 0
        assert service.once().returncode == 0
        assert "Read-only" not in service.log.read_text("utf-8", "replace")
        assert "read-only" not in service.log.read_text("utf-8", "replace")
