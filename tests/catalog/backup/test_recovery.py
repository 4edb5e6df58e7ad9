"""A damaged, lost or restored catalog is reported, kept, and replaced without losing a label."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from catalog import journal
from catalog.backup.create import list_backups
from catalog.state_dir import JOURNAL
from catalog.store.database import Database, database_problems
from tests.support.mounts import mounted
from tests.support.running_service import RunningService, picture
from tests.support.slow import mostly_slow
from tests.support.waiting import wait_until

STORE = 3
FILES = 5
Damage = Callable[[Path], object]


def pages(path: Path, first: int, fill: bytes) -> None:
    """Overwrite part of every page from `first` on."""
    data = bytearray(path.read_bytes())
    for start in range(first * 16384, len(data), 16384):
        data[start : start + len(fill)] = fill
    path.write_bytes(data)


DAMAGES: dict[str, Damage] = {
    "absent": lambda path: path.unlink(),
    "empty": lambda path: path.write_bytes(b""),
    "one byte": lambda path: path.write_bytes(b"\0"),
    "cut": lambda path: os.truncate(path, path.stat().st_size // 2),
    "cut within its first page": lambda path: os.truncate(path, 700),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "header": lambda path: path.write_bytes(bytes(100) + path.read_bytes()[100:]),
    "pages": lambda path: pages(path, 1, b"\xff" * 3000),
    "noise": lambda path: pages(path, 0, random.Random(3).randbytes(9000)),
    "text": lambda path: path.write_text("no database at all\n" * 3000),
}


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The collection that each test starts from: a pass, labels, a backup, another file and another label."""
    folder = tmp_path_factory.mktemp("pattern") / "service"
    folder.mkdir()
    service = RunningService(folder)
    for seed in range(FILES):
        put(service, f"{seed}.png", picture(seed))
    assert service.once().returncode == 0
    choose(service, "keep", "0.png")
    choose(service, "delete", "1.png")
    assert service.catalog("backup").returncode == 0
    put(service, "late.png", picture(50))
    assert service.once().returncode == 0
    choose(service, "keep", "late.png")
    choose(service, "clear", "1.png")
    database = Database(service.config.database, write=True)  # so that damage to the file hits the last commit
    database.shrink_log()
    database.close()
    for tail in ("-wal", "-shm"):
        service.config.database.with_name("catalog.db" + tail).unlink(missing_ok=True)
    return folder


@pytest.fixture
def service(pattern: Path) -> RunningService:
    """The collection at the same paths and inodes, with its state directory restored."""
    made = RunningService.__new__(RunningService)
    made.folder, made.state, made.config_path = pattern, pattern / "state", pattern / "config.toml"
    made.root, made.log, made.process = os.fsencode(pattern / "root0"), pattern / "log", None
    made.roots = (made.root,)
    spare = pattern / "state of old"
    if not spare.exists():
        shutil.copytree(made.state, spare, ignore=shutil.ignore_patterns("socket"))
    shutil.rmtree(made.state)
    shutil.copytree(spare, made.state)
    return made


def put(service: RunningService, name: str, data: bytes) -> None:
    service.path(name).write_bytes(data)


def choose(service: RunningService, value: str, name: str) -> None:
    done = service.catalog("label", value, os.path.join(os.fsdecode(service.root), name))
    assert done.returncode == 0, done.stderr


def recover(service: RunningService, *arguments: str) -> dict[str, object]:
    done = service.catalog("recover", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def complete(service: RunningService) -> None:
    """Check that one pass restores every file and label, without findings."""
    done = service.once()
    assert done.returncode == 0, done.stderr
    assert service.findings() == []
    records = {
        Path(line["path"]).name: line for line in map(json.loads, service.catalog("ls", "--json").stdout.splitlines())
    }
    assert {name: line["state"] for name, line in records.items()} == dict.fromkeys(
        (*(f"{seed}.png" for seed in range(FILES)), "late.png"), "ok"
    )
    assert {name: line["label"] for name, line in records.items() if line["label"]} == {
        "0.png": "keep",
        "late.png": "keep",
    }
    assert service.catalog("recover").stderr.startswith("the catalog is sound")


@pytest.mark.parametrize("damage", mostly_slow(DAMAGES, fast=3))
def test_a_damaged_catalog_is_reported_left_alone_and_recovered(service: RunningService, damage: str) -> None:
    DAMAGES[damage](service.config.database)
    before = service.config.database.read_bytes() if service.config.database.exists() else None
    for done in (service.once(), service.catalog("status"), service.catalog("ls"), service.catalog("check")):
        assert done.returncode in (STORE, 1 if "check" in done.args else STORE), (done.args, done.stderr)
        assert "Traceback" not in done.stderr
        assert "catalog recover" in done.stderr or "check" in done.args
    fixed = service.catalog("check", "--fix")
    assert fixed.returncode == STORE and "catalog recover" in fixed.stderr
    after = service.config.database.read_bytes() if service.config.database.exists() else None
    assert before == after or damage == "one byte", "evidence was written over"
    found = recover(service)
    assert found["source"] == str(list_backups(service.state)[0].path)
    assert found["labels"] == 2
    if before:
        assert Path(str(found["aside"])).read_bytes() == after
    complete(service)


def test_without_a_good_backup_a_new_catalog_is_created(service: RunningService) -> None:
    for backup in list_backups(service.state):
        DAMAGES["cut"](backup.path)
    DAMAGES["cut"](service.config.database)
    found = recover(service)
    assert found["source"] is None and found["labels"] == 2
    assert [one["path"] for one in found["passed"]] == [str(list_backups(service.state)[0].path)]  # type: ignore[attr-defined]
    complete(service)


def test_a_damaged_backup_is_skipped_for_an_older_one(service: RunningService) -> None:
    good = list_backups(service.state)[0].path
    bad = good.with_name("catalog-20991231T000000Z.db")
    shutil.copy(good, bad)
    DAMAGES["pages"](bad)
    DAMAGES["absent"](service.config.database)
    found = recover(service)
    assert found["source"] == str(good)
    assert [one["path"] for one in found["passed"]] == [str(bad)]  # type: ignore[attr-defined]
    complete(service)


def test_after_a_rebuild_labels_wait_for_their_files(service: RunningService) -> None:
    away = os.path.join(os.fsdecode(service.root), "late.png")
    data = Path(away).read_bytes()
    os.unlink(away)
    found = recover(service, "--rebuild")
    assert (found["source"], found["labels"]) == (None, 2)
    assert service.once().returncode == 0
    assert service.findings() == []
    put(service, "late.png", data)
    complete(service)


def test_labels_that_only_the_damaged_file_has_are_salvaged(service: RunningService) -> None:
    """Journal and backups are lost; some pages of the damaged file can still be read."""
    (service.state / JOURNAL).unlink()
    shutil.rmtree(service.state / "backups")
    root = service.rows("SELECT rootpage FROM sqlite_schema WHERE name = 'event'")[0][0]
    with service.config.database.open("r+b") as file:
        file.seek((root - 1) * 16384)
        file.write(b"\xff" * 16384)
    assert database_problems(service.config.database) != []
    found = recover(service)
    assert (found["source"], found["salvaged"]) == (None, 2)
    assert len(list(journal.read(service.state))) == 2
    complete(service)


def test_a_sound_catalog_is_replaced_only_on_request(service: RunningService) -> None:
    before = service.config.database.read_bytes()
    assert recover(service) == {"sound": True}
    assert service.config.database.read_bytes() == before
    found = recover(service, "--from", str(list_backups(service.state)[0].path))
    assert found["aside"] is not None
    complete(service)


def test_a_backup_with_an_impossible_date_is_restored(service: RunningService, tmp_path: Path) -> None:
    with mounted(os.fsencode(tmp_path), "-t", "tmpfs", "none"):
        source = shutil.copy(list_backups(service.state)[0].path, tmp_path / "old.db")
        os.utime(source, (0, 1 << 62))
        assert recover(service, "--from", str(source))["until"] == f"@{1 << 62}"
    complete(service)


def test_a_named_backup_must_be_sound(service: RunningService) -> None:
    before = service.config.database.read_bytes()
    for name, data in {"text": b"dear", "none": None}.items():
        place = service.folder / name
        if data is not None:
            place.write_bytes(data)
        done = service.catalog("recover", "--from", str(place))
        assert done.returncode == STORE and "is not sound" in done.stderr
    assert service.config.database.read_bytes() == before


def test_recovery_is_refused_while_the_service_runs(service: RunningService) -> None:
    service.start()
    done = service.catalog("recover", "--rebuild")
    assert done.returncode == STORE
    assert "Stop it first" in done.stderr
    assert service.stop() == 0


def test_a_newer_catalog_is_not_replaced(service: RunningService) -> None:
    import apsw

    connection = apsw.Connection(str(service.config.database))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    done = service.catalog("recover")
    assert done.returncode == STORE and "Upgrade" in done.stderr


def test_a_backup_copied_back_by_hand_works(service: RunningService) -> None:
    for path in service.state.glob("catalog.db*"):
        path.unlink()
    shutil.copy(list_backups(service.state)[0].path, service.config.database)
    complete(service)


DYING = """
import os, signal, sys
from catalog.cli import main as cli
from catalog import entry_point
left = int(sys.argv.pop(1))
def fatal(real):
    def dying(*words, **more):
        global left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*words, **more)
    return dying
for name in ("rename", "replace", "unlink", "fsync", "mkdir"):
    setattr(os, name, fatal(getattr(os, name)))
entry_point.run_command(cli.cli, "catalog")
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("words", mostly_slow([[], ["--rebuild"]]))
def test_recovery_continues_after_a_kill_before_any_disk_change(service: RunningService, words: list[str]) -> None:
    """The next command continues; in between no empty catalog is created."""
    DAMAGES["cut"](service.config.database)
    lives = 0
    while True:
        call = [sys.executable, "-c", DYING, str(lives), "--config", str(service.config_path), "recover", *words]
        done = subprocess.run(call, capture_output=True, text=True, timeout=100)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        lives += 1
        if not service.config.database.exists():
            assert service.once().returncode == STORE
    assert lives >= 6
    complete(service)


WALS: dict[str, Damage] = {
    "wal zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "wal cut": lambda path: os.truncate(path, path.stat().st_size * 2 // 3),
    "wal header": lambda path: path.write_bytes(b"\xff" * 32 + path.read_bytes()[32:]),
    "wal noise": lambda path: path.write_bytes(random.Random(5).randbytes(path.stat().st_size)),
    "wal frame": lambda path: pages(path, 2, b"\xff" * 40),
}
SHMS: dict[str, Damage] = {
    "shm zeroed": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "shm noise": lambda path: path.write_bytes(random.Random(6).randbytes(path.stat().st_size)),
    "shm cut": lambda path: path.write_bytes(path.read_bytes()[:100]),
}


@pytest.mark.parametrize("damage", mostly_slow([*WALS, *SHMS], fast=2))
def test_a_damaged_wal_costs_only_its_last_commits(service: RunningService, damage: str) -> None:
    """SQLite checks each frame of its log and rebuilds the shared memory: a truncated commit never happened."""
    service.start()
    put(service, "wal.png", picture(60))
    assert wait_until(lambda: len(service.states()) == FILES + 2 and not service.busy()), service.tail()
    choose(service, "delete", "wal.png")
    service.kill()
    place = service.config.database.with_name("catalog.db" + ("-wal" if damage in WALS else "-shm"))
    assert place.stat().st_size > 1000
    (WALS | SHMS)[damage](place)
    assert service.once().returncode == 0
    assert service.findings() == []
    assert service.rows("SELECT value FROM label l JOIN content c ON c.id = l.content ORDER BY value") == [
        ("delete",),
        ("keep",),
        ("keep",),
    ]
    os.unlink(os.path.join(service.root, b"wal.png"))


def test_the_wal_of_the_damaged_catalog_is_not_applied_to_the_new_one(service: RunningService) -> None:
    """SQLite would write its pages into the new catalog."""
    service.start()
    assert wait_until(lambda: not service.busy())
    service.kill()
    assert service.config.database.with_name("catalog.db-wal").stat().st_size > 0
    DAMAGES["header"](service.config.database)
    recover(service)
    assert not service.config.database.with_name("catalog.db-wal").exists()
    complete(service)
