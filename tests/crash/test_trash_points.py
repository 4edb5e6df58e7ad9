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
from tests.support.slow import mostly_slow
from tests.support.trash_service import TrashService

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
def service(tmp_path: Path) -> Iterator[TrashService]:
    """Files without copies, each read once."""
    made = TrashService(tmp_path)
    for number in range(FILES):
        path(made, number).write_bytes(picture(number))
    assert made.once().returncode == 0, made.tail()
    yield made
    made.close()


def path(service: TrashService, number: int) -> Path:
    return service.path(f"{number}.png")


def paths(service: TrashService, count: int = FILES) -> list[Path]:
    return [path(service, number) for number in range(count)]


def move(service: TrashService, **environment: str) -> int:
    return service.catalog("trash", "--yes", "--last-copy", *paths(service), **environment).returncode


def purge(service: TrashService, **environment: str) -> int:
    return service.catalog("trash", "--purge", "--older-than", "0s", "--yes", **environment).returncode


def require_nothing_lost(service: TrashService, except_number: int | None = None, count: int = FILES) -> None:
    """Check that each file is at its path or in the trash, with its bytes."""
    for number in range(count):
        places = [path(service, number), service.trash / "files" / f"{number}.png"]
        found = [place for place in places if place.exists()]
        assert found or number == except_number, number
        assert all(place.read_bytes() == picture(number) for place in found)
        if len(found) == 2:
            assert found[0].stat().st_ino == found[1].stat().st_ino


def require_consistent(service: TrashService, count: int = FILES) -> None:
    """Check that disk, journal and catalog agree, and that a file manager sees only complete entries."""
    records = records_from_journal(read(service.state)).values()
    assert [record for record in records if record.state in UNFINISHED_STATES] == []
    listed = {Path(line["path"]).name for line in service.json_lines("trash", "--list")}
    assert set(service.entries()) == listed and set(service.entries().values()) <= {"whole"}
    assert listed == {
        os.fsdecode(os.path.basename(record.path)) for record in records if record.state is RecordState.TRASHED
    }
    for number in range(count):
        assert not (path(service, number).exists() and path(service, number).name in listed)
    told = service.rows("SELECT kind, detail FROM event WHERE kind IN ('trashed', 'restored', 'purged')")
    assert len(told) == len(set(told)), "each event is recorded once"
    assert service.once().returncode == 0
    assert service.findings() == []


def require_restorable(service: TrashService, except_number: int | None = None, count: int = FILES) -> None:
    assert service.catalog("restore", "--all").returncode == 0
    assert service.entries() == {}
    for number in range(count):
        if number != except_number:
            assert path(service, number).read_bytes() == picture(number)
    assert service.once().returncode == 0 and service.findings() == []
    assert [state for state, *_ in service.states().values()].count("ok") == count - (except_number is not None)


def test_every_crash_point_in_the_code_is_tested() -> None:
    root = Path(__file__).parents[2]
    named = {
        name
        for file in root.glob("catalog/**/*.py")
        for name in re.findall(r'\bcrash_point\("([\w.]+)"\)', file.read_text("utf-8"))
    }
    assert named == {*OF_MOVES, *OF_RESTORES, *OF_PURGES, TOLD, LINKED}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", mostly_slow([*OF_MOVES, TOLD]))
def test_a_kill_during_a_move_is_recovered(service: TrashService, point: str) -> None:
    passage = 1 if point == TOLD else 2
    assert move(service, CATALOGD_KILL_AT=f"{point}:{passage}") == -signal.SIGKILL
    require_nothing_lost(service)
    done = service.catalog("trash", "--list")
    assert done.returncode == 0 and "recovered" in done.stderr
    require_nothing_lost(service)
    there = {f"{number}.png" for number in range(FILES if point == TOLD else 1 + OF_MOVES[point])}
    assert set(service.entries()) == there
    require_consistent(service)
    require_restorable(service)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", mostly_slow(OF_MOVES))
def test_the_same_command_continues_after_a_kill(service: TrashService, point: str) -> None:
    assert move(service, CATALOGD_KILL_AT=f"{point}:2") == -signal.SIGKILL
    assert move(service) in (0, 1), "files that were moved before do not exist any more"
    assert set(service.entries()) == {f"{number}.png" for number in range(FILES)}
    require_consistent(service)
    require_restorable(service)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", mostly_slow([*OF_RESTORES, TOLD]))
def test_a_kill_during_a_restore_is_recovered(service: TrashService, point: str) -> None:
    """The last file is restored first, so the second one is number 2."""
    assert move(service) == 0
    passage = 1 if point == TOLD else 2
    assert service.catalog("restore", "--last", CATALOGD_KILL_AT=f"{point}:{passage}").returncode == -signal.SIGKILL
    require_nothing_lost(service)
    assert service.catalog("trash", "--list").returncode == 0
    require_nothing_lost(service)
    if point != TOLD:
        assert ("2.png" in service.entries()) is OF_RESTORES[point]
    require_consistent(service)
    require_restorable(service)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", mostly_slow([*OF_PURGES, TOLD]))
def test_a_kill_during_a_purge_is_recovered(service: TrashService, point: str) -> None:
    assert service.catalog("trash", "--yes", "--last-copy", path(service, 1)).returncode == 0
    assert purge(service, CATALOGD_KILL_AT=point) == -signal.SIGKILL
    lost = None if OF_PURGES.get(point) else 1
    require_nothing_lost(service, except_number=lost)
    assert service.catalog("trash", "--list").returncode == 0
    assert ("1.png" in service.entries()) is (lost is None)
    require_consistent(service)
    require_restorable(service, except_number=lost)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("back", mostly_slow([False, True]))
def test_a_kill_while_a_file_has_two_names_is_recovered(service: TrashService, back: bool) -> None:
    def run(*arguments: str | Path, **environment: str) -> int:
        command = [sys.executable, "-c", NO_RENAME, "--config", service.config_path, *arguments]
        return subprocess.run(command, env=service.environment | environment, timeout=100).returncode

    words: list[str | Path] = ["trash", "--yes", "--last-copy", path(service, 0)]
    if back:
        assert run(*words) == 0
        words = ["restore", "--last"]
    assert run(*words, CATALOGD_KILL_AT=LINKED) == -signal.SIGKILL
    assert path(service, 0).stat().st_nlink == 2
    require_nothing_lost(service)
    assert service.catalog("trash", "--list").returncode == 0
    assert path(service, 0).stat().st_nlink == 1 and service.entries() == {}
    require_consistent(service)


@pytest.mark.timeout(300)
def test_an_info_file_lost_in_a_power_cut_is_written_again(service: TrashService) -> None:
    assert move(service, CATALOGD_KILL_AT="trash.moved:1") == -signal.SIGKILL
    info = service.trash / "info" / "0.png.trashinfo"
    before = info.read_bytes()
    info.unlink()
    assert service.catalog("trash", "--list").returncode == 0
    assert info.read_bytes() == before
    require_consistent(service)
    require_restorable(service)


@pytest.mark.timeout(300)
def test_a_truncated_info_file_is_deleted(service: TrashService) -> None:
    assert move(service, CATALOGD_KILL_AT="trash.info:1") == -signal.SIGKILL
    os.truncate(service.trash / "info" / "0.png.trashinfo", 15)
    assert service.catalog("trash", "--list").returncode == 0
    assert service.entries() == {}
    require_consistent(service)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seen", mostly_slow([7, 1, 20]))
def test_control_c_leaves_nothing_unfinished(service: TrashService, seen: int) -> None:
    for number in range(FILES, MANY):
        path(service, number).write_bytes(picture(number))
    assert service.once().returncode == 0
    command = service.command("trash", "--yes", "--last-copy", "--json", *paths(service, MANY))
    with subprocess.Popen(command, env=service.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as one:
        assert one.stdout is not None
        for _ in range(seen):
            one.stdout.readline()
        one.send_signal(signal.SIGINT)
        one.stdout.read()
    assert one.returncode in (0, 130), "it may have been faster"
    assert [
        record for record in records_from_journal(read(service.state)).values() if record.state in UNFINISHED_STATES
    ] == []
    assert set(service.entries().values()) == {"whole"} and len(service.entries()) >= seen
    require_consistent(service, MANY)
    require_restorable(service, count=MANY)


@pytest.mark.timeout(300)
def test_repeated_kills_at_any_moment(service: TrashService) -> None:
    """Moves and restores of all files are killed in turn, each after a seeded number of files and a moment more."""
    rng = random.Random(17)
    for number in range(FILES, MANY):
        path(service, number).write_bytes(picture(number))
    for life in range(8):
        words: list[str | Path] = ["restore", "--all", "--json"]
        if life % 2 == 0:
            assert service.once().returncode == 0
            words = ["trash", "--yes", "--last-copy", "--json", *paths(service, MANY)]
        command = service.command(*words)
        with subprocess.Popen(
            command, env=service.environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        ) as one:
            assert one.stdout is not None
            for _ in range(rng.randrange(MANY // 2)):
                one.stdout.readline()
            time.sleep(rng.uniform(0.0, 0.01))
            one.kill()
        require_nothing_lost(service, count=MANY)
    assert service.catalog("trash", "--list").returncode == 0
    require_consistent(service, MANY)
    require_restorable(service, count=MANY)
