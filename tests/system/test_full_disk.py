"""The state directory on a small disk of its own: full, or read-only, at each thing that is written there."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from catalog.backup.create import list_backups
from catalog.store.database import database_problems
from tests.support.running_service import Household, picture, until

STORE, PLACE = 3, 4
FILES = 8


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    """One root with a few files, one pass, and one choice, on a tmpfs of 48 MB."""
    made = Household(tmp_path)
    made.state.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m", "none", made.state]).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    try:
        put(made, range(FILES))
        assert made.once().returncode == 0
        assert catalog(made, "label", "keep", at(made, 0)).returncode == 0
        yield made
    finally:
        made.close()
        subprocess.run(["umount", "-l", made.state], check=True)


def at(house: Household, seed: int) -> str:
    return os.path.join(os.fsdecode(house.root), f"{seed}.png")


def put(house: Household, seeds: range) -> None:
    for seed in seeds:
        Path(at(house, seed)).write_bytes(picture(seed))


def catalog(house: Household, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("catalog")), "--config", str(house.config_path), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


@contextmanager
def full(house: Household, left: int = 0) -> Iterator[None]:
    """No room but for `left` pages of 4 KiB."""
    ballast = house.state / "ballast"
    with ballast.open("wb", buffering=0) as file:
        free = os.statvfs(house.state)
        file.write(bytes(max(0, free.f_bavail - left) * free.f_bsize))
    try:
        yield
    finally:
        ballast.unlink()


def told(done: "subprocess.CompletedProcess[str]") -> None:
    assert done.returncode == PLACE, (done.args, done.returncode, done.stderr)
    assert "Traceback" not in done.stderr and "This is a bug" not in done.stderr
    assert "remedy: " in done.stderr


def complete(house: Household, files: int) -> None:
    """With room again all goes on: nothing was lost, nothing is there twice, the choice stands."""
    done = house.once()
    assert done.returncode == 0, done.stderr
    assert [state for state, _, _ in house.states().values()] == ["ok"] * files
    assert house.findings() == []
    assert len(house.vectors()) == files
    assert house.rows("SELECT value FROM label") == [("keep",)]
    assert database_problems(house.config.database, thorough=True) == []


@pytest.mark.parametrize("left", [0, 1, 12, 60])
def test_a_pass(house: Household, left: int) -> None:
    put(house, range(FILES, 300))
    with full(house, left):
        told(house.once())
    complete(house, 300)


@pytest.mark.parametrize("left", [0, 8])
def test_a_running_service_ends_and_says_so(house: Household, left: int) -> None:
    house.start()
    assert until(lambda: not house.busy())
    with full(house, left):
        put(house, range(FILES, 300))
        assert until(lambda: not house.alive), house.tail()
        assert house.service is not None and house.service.returncode == PLACE, house.tail()
        assert "remedy: " in house.tail() and "This is a bug" not in house.tail()
    house.service = None
    complete(house, 300)


def test_the_last_index_snapshot(house: Household) -> None:
    """The snapshot before has to serve until the new one is whole."""
    put(house, range(FILES, 40))  # so that one change is too few to be saved at once
    assert house.once().returncode == 0
    house.start()
    assert until(lambda: not house.busy())
    before = {path.name: path.read_bytes() for path in house.state.glob("index-*")}
    connection = apsw.Connection(str(house.config.database))
    connection.execute("UPDATE clock SET seq = seq + 1; UPDATE vector SET seq = (SELECT seq FROM clock) WHERE id = 1")
    assert until(lambda: not house.busy())
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # else the end of the log makes room for the snapshot
    connection.close()
    with full(house):
        assert house.stop() == PLACE, house.tail()
        assert "index snapshot could not be saved" in house.tail()
        assert {path.name: path.read_bytes() for path in house.state.glob("index-*")} == before
    house.service = None
    complete(house, 40)


def test_a_choice(house: Household) -> None:
    with full(house):
        done = catalog(house, "label", "delete", at(house, 1))
        told(done)
    complete(house, FILES)
    assert catalog(house, "label", "keep", at(house, 1)).returncode == 0


def test_a_backup_by_hand(house: Household) -> None:
    assert catalog(house, "backup").returncode == 0
    (good,) = list_backups(house.state)
    with full(house, 40):
        done = catalog(house, "backup")
        told(done)
        assert "MB" in done.stderr and "[backup]" in done.stderr
    assert [one.path for one in list_backups(house.state)] == [good.path]
    complete(house, FILES)


def test_the_nightly_backup_fails_and_the_service_goes_on(house: Household) -> None:
    connection = apsw.Connection(str(house.config.database))
    connection.execute("UPDATE timeline SET at = at - 9 * 86400")
    connection.close()
    with full(house, 500):
        house.start()
        assert until(lambda: "backup_failed" in house.tail()), house.tail()
        put(house, range(FILES, FILES + 3))
        assert until(lambda: len(house.states()) == FILES + 3 and not house.busy()), house.tail()
        assert "problem" in catalog(house, "status").stdout
        assert house.stop() == 0, house.tail()
    complete(house, FILES + 3)
    assert len(list_backups(house.state)) == 1
    assert "problem" not in catalog(house, "status").stdout


def test_recovery_waits_for_room(house: Household) -> None:
    assert catalog(house, "backup").returncode == 0
    os.truncate(house.config.database, 100_000)
    with full(house, 40):
        told(catalog(house, "recover"))
    assert catalog(house, "recover").returncode == 0
    complete(house, FILES)


@pytest.fixture
def dying(tmp_path: Path) -> Iterator[Household]:
    """The same on a disk that can be told to have failed: ext4 on a loop device."""
    made = Household(tmp_path)
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
        assert catalog(made, "label", "keep", at(made, 0)).returncode == 0
        yield made
    finally:
        made.close()
        subprocess.run(["umount", "-l", made.state], check=True)


def fail(house: Household) -> None:
    """What the kernel does with a filesystem that met an error: at once read-only, whatever is open."""
    subprocess.run(["mount", "-o", "remount,abort", house.state], check=True)


def heal(house: Household) -> None:
    """Unmounted, checked, mounted again."""
    disk = house.folder / "disk"
    subprocess.run(["umount", house.state], check=True)
    assert subprocess.run(["e2fsck", "-fy", disk], capture_output=True).returncode <= 1
    subprocess.run(["mount", "-o", "loop", disk, house.state], check=True)


def test_a_state_directory_that_turns_read_only_under_the_service(dying: Household) -> None:
    dying.start()
    assert until(lambda: not dying.busy())
    fail(dying)
    put(dying, range(FILES, 40))
    assert until(lambda: not dying.alive), dying.tail()
    assert dying.service is not None and dying.service.returncode == PLACE, dying.tail()
    assert "This is a bug" not in dying.tail() and "remedy: " in dying.tail()
    dying.service = None
    told(dying.once())
    for words in (("label", "keep", at(dying, 1)), ("backup",), ("recover", "--rebuild")):
        told(catalog(dying, *words))
    assert "Traceback" not in catalog(dying, "status").stderr
    heal(dying)
    complete(dying, 40)


def test_a_state_directory_that_turns_read_only_in_the_middle_of_a_pass(dying: Household) -> None:
    put(dying, range(FILES, 300))
    dying.start(ready=False)
    assert until(lambda: len(dying.vectors()) > FILES + 20), dying.tail()
    fail(dying)
    assert until(lambda: not dying.alive), dying.tail()
    assert dying.service is not None and dying.service.returncode == PLACE, dying.tail()
    dying.service = None
    heal(dying)
    complete(dying, 300)
