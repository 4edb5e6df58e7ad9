"""SIGKILL at every step of a move to the trash, a restore and a purge: no file is lost, and the next command recovers.

Only the journal and the disk remain of a killed command; the next one decides from them.
"""

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.journal import read
from catalog.trash.records import UNFINISHED_STATES, RecordState, records_from_journal
from tests.support.running_service import picture
from tests.support.trash_service import TrashHouse

FILES = 4
MANY = 60
# The crash point, and whether the second file is in the trash after recovery.
OF_MOVES = {"trash.begun": False, "trash.info": False, "trash.moved": True}
OF_RESTORES = {"restore.begun": True, "restore.moved": False, "restore.info": False}
OF_PURGES = {"purge.begun": True, "purge.unlinked": False, "purge.info": False}
TOLD = "trash.told"  # after the catalog is written, before the journal is
LINKED = "relocate.linked"  # a filesystem without exclusive rename: one file, two names
NO_RENAME = """
import errno, sys
from catalog.cli import main as cli
from catalog import entry_point
from catalog.filesystem import rename
def unknown(source, target):
    raise OSError(errno.EINVAL, "Invalid argument")
rename.move_noreplace.__defaults__ = (unknown, rename.hard_link)
entry_point.run_command(cli.cli, "catalog")
"""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[TrashHouse]:
    """Files without copies, each read once."""
    made = TrashHouse(tmp_path)
    for number in range(FILES):
        path(made, number).write_bytes(picture(number))
    assert made.once().returncode == 0, made.tail()
    yield made
    made.close()


def path(house: TrashHouse, number: int) -> Path:
    return Path(os.fsdecode(house.root), f"{number}.png")


def paths(house: TrashHouse, count: int = FILES) -> list[Path]:
    return [path(house, number) for number in range(count)]


def move(house: TrashHouse, **environment: str) -> int:
    return house.catalog("trash", "--yes", "--last-copy", *paths(house), **environment).returncode


def purge(house: TrashHouse, **environment: str) -> int:
    return house.catalog("trash", "--purge", "--older-than", "0s", "--yes", **environment).returncode


def require_nothing_lost(house: TrashHouse, except_number: int | None = None, count: int = FILES) -> None:
    """Check that each file is at its path or in the trash, with its bytes."""
    for number in range(count):
        places = [path(house, number), house.trash / "files" / f"{number}.png"]
        found = [place for place in places if place.exists()]
        assert found or number == except_number, number
        assert all(place.read_bytes() == picture(number) for place in found)
        if len(found) == 2:
            assert found[0].stat().st_ino == found[1].stat().st_ino


def require_consistent(house: TrashHouse, count: int = FILES) -> None:
    """Check that disk, journal and catalog agree, and that a file manager sees only complete entries."""
    records = records_from_journal(read(house.state)).values()
    assert [record for record in records if record.state in UNFINISHED_STATES] == []
    listed = {Path(line["path"]).name for line in house.lines("trash", "--list")}
    assert set(house.entries()) == listed and set(house.entries().values()) <= {"whole"}
    assert listed == {
        os.fsdecode(os.path.basename(record.path)) for record in records if record.state is RecordState.TRASHED
    }
    for number in range(count):
        assert not (path(house, number).exists() and path(house, number).name in listed)
    told = house.rows("SELECT kind, detail FROM event WHERE kind IN ('trashed', 'restored', 'purged')")
    assert len(told) == len(set(told)), "each event is recorded once"
    assert house.once().returncode == 0
    assert house.findings() == []


def require_restorable(house: TrashHouse, except_number: int | None = None, count: int = FILES) -> None:
    assert house.catalog("restore", "--all").returncode == 0
    assert house.entries() == {}
    for number in range(count):
        if number != except_number:
            assert path(house, number).read_bytes() == picture(number)
    assert house.once().returncode == 0 and house.findings() == []
    assert [state for state, *_ in house.states().values()].count("ok") == count - (except_number is not None)


def test_every_crash_point_in_the_code_is_tested() -> None:
    root = Path(__file__).parents[2]
    named = {
        name
        for file in root.glob("catalog/**/*.py")
        for name in re.findall(r'\bcrash_point\("([\w.]+)"\)', file.read_text("utf-8"))
    }
    assert named == {*OF_MOVES, *OF_RESTORES, *OF_PURGES, TOLD, LINKED}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", [*OF_MOVES, TOLD])
def test_a_kill_during_a_move_is_recovered(house: TrashHouse, point: str) -> None:
    passage = 1 if point == TOLD else 2
    assert move(house, CATALOGD_KILL_AT=f"{point}:{passage}") == -signal.SIGKILL
    require_nothing_lost(house)
    done = house.catalog("trash", "--list")
    assert done.returncode == 0 and "recovered" in done.stderr
    require_nothing_lost(house)
    there = {f"{number}.png" for number in range(FILES if point == TOLD else 1 + OF_MOVES[point])}
    assert set(house.entries()) == there
    require_consistent(house)
    require_restorable(house)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", OF_MOVES)
def test_the_same_command_continues_after_a_kill(house: TrashHouse, point: str) -> None:
    assert move(house, CATALOGD_KILL_AT=f"{point}:2") == -signal.SIGKILL
    assert move(house) in (0, 1), "files that were moved before do not exist any more"
    assert set(house.entries()) == {f"{number}.png" for number in range(FILES)}
    require_consistent(house)
    require_restorable(house)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", [*OF_RESTORES, TOLD])
def test_a_kill_during_a_restore_is_recovered(house: TrashHouse, point: str) -> None:
    """The last file is restored first, so the second one is number 2."""
    assert move(house) == 0
    passage = 1 if point == TOLD else 2
    assert house.catalog("restore", "--last", CATALOGD_KILL_AT=f"{point}:{passage}").returncode == -signal.SIGKILL
    require_nothing_lost(house)
    assert house.catalog("trash", "--list").returncode == 0
    require_nothing_lost(house)
    if point != TOLD:
        assert ("2.png" in house.entries()) is OF_RESTORES[point]
    require_consistent(house)
    require_restorable(house)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", [*OF_PURGES, TOLD])
def test_a_kill_during_a_purge_is_recovered(house: TrashHouse, point: str) -> None:
    assert house.catalog("trash", "--yes", "--last-copy", path(house, 1)).returncode == 0
    assert purge(house, CATALOGD_KILL_AT=point) == -signal.SIGKILL
    lost = None if OF_PURGES.get(point) else 1
    require_nothing_lost(house, except_number=lost)
    assert house.catalog("trash", "--list").returncode == 0
    assert ("1.png" in house.entries()) is (lost is None)
    require_consistent(house)
    require_restorable(house, except_number=lost)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("back", [False, True])
def test_a_kill_while_a_file_has_two_names_is_recovered(house: TrashHouse, back: bool) -> None:
    def run(*words: str | Path, **environment: str) -> int:
        command = [sys.executable, "-c", NO_RENAME, "--config", house.config_path, *words]
        return subprocess.run(command, env=house.environment | environment, timeout=100).returncode

    words: list[str | Path] = ["trash", "--yes", "--last-copy", path(house, 0)]
    if back:
        assert run(*words) == 0
        words = ["restore", "--last"]
    assert run(*words, CATALOGD_KILL_AT=LINKED) == -signal.SIGKILL
    assert path(house, 0).stat().st_nlink == 2
    require_nothing_lost(house)
    assert house.catalog("trash", "--list").returncode == 0
    assert path(house, 0).stat().st_nlink == 1 and house.entries() == {}
    require_consistent(house)


@pytest.mark.timeout(300)
def test_an_info_file_lost_in_a_power_cut_is_written_again(house: TrashHouse) -> None:
    assert move(house, CATALOGD_KILL_AT="trash.moved:1") == -signal.SIGKILL
    info = house.trash / "info" / "0.png.trashinfo"
    before = info.read_bytes()
    info.unlink()
    assert house.catalog("trash", "--list").returncode == 0
    assert info.read_bytes() == before
    require_consistent(house)
    require_restorable(house)


@pytest.mark.timeout(300)
def test_a_truncated_info_file_is_deleted(house: TrashHouse) -> None:
    assert move(house, CATALOGD_KILL_AT="trash.info:1") == -signal.SIGKILL
    os.truncate(house.trash / "info" / "0.png.trashinfo", 15)
    assert house.catalog("trash", "--list").returncode == 0
    assert house.entries() == {}
    require_consistent(house)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seen", [1, 7, 20])
def test_control_c_leaves_nothing_unfinished(house: TrashHouse, seen: int) -> None:
    for number in range(FILES, MANY):
        path(house, number).write_bytes(picture(number))
    assert house.once().returncode == 0
    command = house.command("trash", "--yes", "--last-copy", "--json", *paths(house, MANY))
    with subprocess.Popen(command, env=house.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as one:
        assert one.stdout is not None
        for _ in range(seen):
            one.stdout.readline()
        one.send_signal(signal.SIGINT)
        one.stdout.read()
    assert one.returncode in (0, 130), "it may have been faster"
    assert [
        record for record in records_from_journal(read(house.state)).values() if record.state in UNFINISHED_STATES
    ] == []
    assert set(house.entries().values()) == {"whole"} and len(house.entries()) >= seen
    require_consistent(house, MANY)
    require_restorable(house, count=MANY)


@pytest.mark.timeout(300)
def test_repeated_kills_at_any_moment(house: TrashHouse) -> None:
    """Moves and restores of all files are killed in turn, each after a seeded number of files and a moment more."""
    rng = random.Random(17)
    for number in range(FILES, MANY):
        path(house, number).write_bytes(picture(number))
    for life in range(8):
        words: list[str | Path] = ["restore", "--all", "--json"]
        if life % 2 == 0:
            assert house.once().returncode == 0
            words = ["trash", "--yes", "--last-copy", "--json", *paths(house, MANY)]
        command = house.command(*words)
        with subprocess.Popen(command, env=house.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as one:
            assert one.stdout is not None
            for _ in range(rng.randrange(MANY // 2)):
                one.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.01))
            one.kill()
        require_nothing_lost(house, count=MANY)
    assert house.catalog("trash", "--list").returncode == 0
    require_consistent(house, MANY)
    require_restorable(house, count=MANY)
