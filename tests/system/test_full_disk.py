"""The state directory on a small disk of its own: full, or read-only, at each thing that is written there."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from catalog.backup.create import list_backups
from catalog.store.database import database_problems
from tests.support.running_service import RunningService, picture
from tests.support.slow import mostly_slow
from tests.support.waiting import wait_until

STORE, PLACE = 3, 4
FILES = 8


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """One root with a few files, one pass, and one choice, on a tmpfs of 48 MB."""
    made = RunningService(tmp_path)
    made.state.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", made.state]).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        put(made, range(FILES))
        assert made.once().returncode == 0
        assert made.catalog("label", "keep", at(made, 0)).returncode == 0
        yield made
    finally:
        made.close()
        subprocess.run(["umount", "-l", made.state], check=True)


def at(service: RunningService, seed: int) -> str:
    return os.path.join(os.fsdecode(service.root), f"{seed}.png")


def put(service: RunningService, seeds: range) -> None:
    for seed in seeds:
        Path(at(service, seed)).write_bytes(picture(seed))


@contextmanager
def full(service: RunningService, left: int = 0) -> Iterator[None]:
    """No room but for `left` pages of 4 KiB."""
    ballast = service.state / "ballast"
    with ballast.open("wb", buffering=0) as file:
        free = os.statvfs(service.state)
        file.write(bytes(max(0, free.f_bavail - left) * free.f_bsize))
    try:
        yield
    finally:
        ballast.unlink()


def told(done: "subprocess.CompletedProcess[str]") -> None:
    assert done.returncode == PLACE, (done.args, done.returncode, done.stderr)
    assert "Traceback" not in done.stderr and "This is a bug" not in done.stderr
    assert "remedy: " in done.stderr


def complete(service: RunningService, files: int) -> None:
    """With room again all goes on: nothing was lost, nothing is there twice, the choice stands."""
    done = service.once()
    assert done.returncode == 0, done.stderr
    assert [state for state, _, _ in service.states().values()] == ["ok"] * files
    assert service.findings() == []
    assert len(service.vectors()) == files
    assert service.rows("SELECT value FROM label") == [("keep",)]
    assert database_problems(service.config.database, thorough=True) == []


@pytest.mark.parametrize("left", mostly_slow([12, 0, 1, 60]))
def test_a_pass(service: RunningService, left: int) -> None:
    put(service, range(FILES, 300))
    with full(service, left):
        told(service.once())
    complete(service, 300)


@pytest.mark.parametrize("left", mostly_slow([8, 0]))
def test_a_running_service_ends_and_says_so(service: RunningService, left: int) -> None:
    service.start()
    assert wait_until(lambda: not service.busy())
    with full(service, left):
        put(service, range(FILES, 300))
        assert wait_until(lambda: not service.alive), service.tail()
        assert service.process is not None and service.process.returncode == PLACE, service.tail()
        assert "remedy: " in service.tail() and "This is a bug" not in service.tail()
    service.process = None
    complete(service, 300)


def test_the_last_index_snapshot(service: RunningService) -> None:
    """The snapshot before has to serve until the new one is whole."""
    put(service, range(FILES, 40))  # so that one change is too few to be saved at once
    assert service.once().returncode == 0
    service.start()
    assert wait_until(lambda: not service.busy())
    before = {path.name: path.read_bytes() for path in service.state.glob("index-*")}
    connection = apsw.Connection(str(service.config.database))
    connection.execute("UPDATE clock SET seq = seq + 1; UPDATE vector SET seq = (SELECT seq FROM clock) WHERE id = 1")
    assert wait_until(lambda: not service.busy())
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else the end of the log makes room for the snapshot
    connection.close()
    with full(service):
        assert service.stop() == PLACE, service.tail()
        assert "index snapshot could not be saved" in service.tail()
        assert {path.name: path.read_bytes() for path in service.state.glob("index-*")} == before
    service.process = None
    complete(service, 40)


def test_a_choice(service: RunningService) -> None:
    with full(service):
        done = service.catalog("label", "delete", at(service, 1))
        told(done)
    complete(service, FILES)
    assert service.catalog("label", "keep", at(service, 1)).returncode == 0


def test_a_backup_by_hand(service: RunningService) -> None:
    assert service.catalog("backup").returncode == 0
    (good,) = list_backups(service.state)
    with full(service, 40):
        done = service.catalog("backup")
        told(done)
        assert "MB" in done.stderr and "[backup]" in done.stderr
    assert [one.path for one in list_backups(service.state)] == [good.path]
    complete(service, FILES)


def test_the_nightly_backup_fails_and_the_service_goes_on(service: RunningService) -> None:
    connection = apsw.Connection(str(service.config.database))
    connection.execute("UPDATE timeline SET at = at - 9 * 86400")
    connection.close()
    with full(service, 500):
        service.start()
        assert wait_until(lambda: "backup_failed" in service.tail()), service.tail()
        put(service, range(FILES, FILES + 3))
        assert wait_until(lambda: len(service.states()) == FILES + 3 and not service.busy()), service.tail()
        assert "problem" in service.catalog("status").stdout
        assert service.stop() == 0, service.tail()
    complete(service, FILES + 3)
    assert len(list_backups(service.state)) == 1
    assert "problem" not in service.catalog("status").stdout


def test_recovery_waits_for_room(service: RunningService) -> None:
    assert service.catalog("backup").returncode == 0
    os.truncate(service.config.database, 100_000)
    with full(service, 40):
        told(service.catalog("recover"))
    assert service.catalog("recover").returncode == 0
    complete(service, FILES)


@pytest.fixture
def dying(tmp_path: Path) -> Iterator[RunningService]:
    """The same on a disk that can be told to have failed: ext4 on a loop device."""
    made = RunningService(tmp_path)
    made.state.mkdir()
    disk = tmp_path / "disk"
    with disk.open("wb") as file:
        file.truncate(64 << 20)
    if os.geteuid() or subprocess.run(["mkfs.ext4", "-q", "-F", disk], capture_output=True).returncode:
        pytest.skip("needs mkfs.ext4 and the right to mount")
    if subprocess.run(["mount", "-o", "loop", disk, made.state], capture_output=True).returncode:
        pytest.skip("needs a loop device")
    try:
        put(made, range(FILES))
        assert made.once().returncode == 0
        assert made.catalog("label", "keep", at(made, 0)).returncode == 0
        yield made
    finally:
        made.close()
        subprocess.run(["umount", "-l", made.state], check=True)


def fail(service: RunningService) -> None:
    """What the kernel does with a filesystem that met an error: at once read-only, whatever is open."""
    subprocess.run(["mount", "-o", "remount,abort", service.state], check=True)


def heal(service: RunningService) -> None:
    """Unmounted, checked, mounted again."""
    disk = service.folder / "disk"
    subprocess.run(["umount", service.state], check=True)
    assert subprocess.run(["e2fsck", "-fy", disk], capture_output=True).returncode <= 1
    subprocess.run(["mount", "-o", "loop", disk, service.state], check=True)


@pytest.mark.slow
def test_a_state_directory_that_turns_read_only_under_the_service(dying: RunningService) -> None:
    dying.start()
    assert wait_until(lambda: not dying.busy())
    fail(dying)
    put(dying, range(FILES, 40))
    assert wait_until(lambda: not dying.alive), dying.tail()
    assert dying.process is not None and dying.process.returncode == PLACE, dying.tail()
    assert "This is a bug" not in dying.tail() and "remedy: " in dying.tail()
    dying.process = None
    told(dying.once())
    for words in (("label", "keep", at(dying, 1)), ("backup",), ("recover", "--rebuild")):
        told(dying.catalog(*words))
    assert "Traceback" not in dying.catalog("status").stderr
    heal(dying)
    complete(dying, 40)


def test_a_state_directory_that_turns_read_only_in_the_middle_of_a_pass(dying: RunningService) -> None:
    put(dying, range(FILES, 300))
    dying.start(ready=False)
    assert wait_until(lambda: len(dying.vectors()) > FILES + 20), dying.tail()
    fail(dying)
    assert wait_until(lambda: not dying.alive), dying.tail()
    assert dying.process is not None and dying.process.returncode == PLACE, dying.tail()
    dying.process = None
    heal(dying)
    complete(dying, 300)
