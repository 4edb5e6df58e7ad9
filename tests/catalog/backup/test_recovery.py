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
from tests.support.running_service import Household, picture, until

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
    folder = tmp_path_factory.mktemp("pattern") / "house"
    folder.mkdir()
    house = Household(folder)
    for seed in range(FILES):
        put(house, f"{seed}.png", picture(seed))
    assert house.once().returncode == 0
    choose(house, "keep", "0.png")
    choose(house, "delete", "1.png")
    assert catalog(house, "backup").returncode == 0
    put(house, "late.png", picture(50))
    assert house.once().returncode == 0
    choose(house, "keep", "late.png")
    choose(house, "clear", "1.png")
    database = Database(house.config.database, write=True)  # so that damage to the file hits the last commit
    database.shrink_log()
    database.close()
    for tail in ("-wal", "-shm"):
        house.config.database.with_name("catalog.db" + tail).unlink(missing_ok=True)
    return folder


@pytest.fixture
def house(pattern: Path) -> Household:
    """The collection at the same paths and inodes, with its state directory restored."""
    made = Household.__new__(Household)
    made.folder, made.state, made.config_path = pattern, pattern / "state", pattern / "config.toml"
    made.root, made.log, made.service = os.fsencode(pattern / "root0"), pattern / "log", None
    made.roots = (made.root,)
    spare = pattern / "state of old"
    if not spare.exists():
        shutil.copytree(made.state, spare, ignore=shutil.ignore_patterns("socket"))
    shutil.rmtree(made.state)
    shutil.copytree(spare, made.state)
    return made


def put(house: Household, name: str, data: bytes) -> None:
    Path(os.fsdecode(house.root), name).write_bytes(data)


def catalog(house: Household, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("catalog")), "--config", str(house.config_path), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


def choose(house: Household, value: str, name: str) -> None:
    done = catalog(house, "label", value, os.path.join(os.fsdecode(house.root), name))
    assert done.returncode == 0, done.stderr


def recover(house: Household, *words: str) -> dict[str, object]:
    done = catalog(house, "recover", "--json", *words)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def complete(house: Household) -> None:
    """Check that one pass restores every file and label, without findings."""
    done = house.once()
    assert done.returncode == 0, done.stderr
    assert house.findings() == []
    records = {
        Path(line["path"]).name: line for line in map(json.loads, catalog(house, "ls", "--json").stdout.splitlines())
    }
    assert {name: line["state"] for name, line in records.items()} == dict.fromkeys(
        (*(f"{seed}.png" for seed in range(FILES)), "late.png"), "ok"
    )
    assert {name: line["label"] for name, line in records.items() if line["label"]} == {
        "0.png": "keep",
        "late.png": "keep",
    }
    assert catalog(house, "recover").stderr.startswith("the catalog is sound")


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_catalog_is_reported_left_alone_and_recovered(house: Household, damage: str) -> None:
    DAMAGES[damage](house.config.database)
    before = house.config.database.read_bytes() if house.config.database.exists() else None
    for done in (house.once(), catalog(house, "status"), catalog(house, "ls"), catalog(house, "check")):
        assert done.returncode in (STORE, 1 if "check" in done.args else STORE), (done.args, done.stderr)
        assert "Traceback" not in done.stderr
        assert "catalog recover" in done.stderr or "check" in done.args
    fixed = catalog(house, "check", "--fix")
    assert fixed.returncode == STORE and "catalog recover" in fixed.stderr
    after = house.config.database.read_bytes() if house.config.database.exists() else None
    assert before == after or damage == "one byte", "evidence was written over"
    found = recover(house)
    assert found["source"] == str(list_backups(house.state)[0].path)
    assert found["labels"] == 2
    if before:
        assert Path(str(found["aside"])).read_bytes() == after
    complete(house)


def test_without_a_good_backup_a_new_catalog_is_created(house: Household) -> None:
    for backup in list_backups(house.state):
        DAMAGES["cut"](backup.path)
    DAMAGES["cut"](house.config.database)
    found = recover(house)
    assert found["source"] is None and found["labels"] == 2
    assert [one["path"] for one in found["passed"]] == [str(list_backups(house.state)[0].path)]  # type: ignore[attr-defined]
    complete(house)


def test_a_damaged_backup_is_skipped_for_an_older_one(house: Household) -> None:
    good = list_backups(house.state)[0].path
    bad = good.with_name("catalog-20991231T000000Z.db")
    shutil.copy(good, bad)
    DAMAGES["pages"](bad)
    DAMAGES["absent"](house.config.database)
    found = recover(house)
    assert found["source"] == str(good)
    assert [one["path"] for one in found["passed"]] == [str(bad)]  # type: ignore[attr-defined]
    complete(house)


def test_after_a_rebuild_labels_wait_for_their_files(house: Household) -> None:
    away = os.path.join(os.fsdecode(house.root), "late.png")
    data = Path(away).read_bytes()
    os.unlink(away)
    found = recover(house, "--rebuild")
    assert (found["source"], found["labels"]) == (None, 2)
    assert house.once().returncode == 0
    assert house.findings() == []
    put(house, "late.png", data)
    complete(house)


def test_labels_that_only_the_damaged_file_has_are_salvaged(house: Household) -> None:
    """Journal and backups are lost; some pages of the damaged file can still be read."""
    (house.state / JOURNAL).unlink()
    shutil.rmtree(house.state / "backups")
    root = house.rows("SELECT rootpage FROM sqlite_schema WHERE name = 'event'")[0][0]
    with house.config.database.open("r+b") as file:
        file.seek((root - 1) * 16384)
        file.write(b"\xff" * 16384)
    assert database_problems(house.config.database) != []
    found = recover(house)
    assert (found["source"], found["salvaged"]) == (None, 2)
    assert len(list(journal.read(house.state))) == 2
    complete(house)


def test_a_sound_catalog_is_replaced_only_on_request(house: Household) -> None:
    before = house.config.database.read_bytes()
    assert recover(house) == {"sound": True}
    assert house.config.database.read_bytes() == before
    found = recover(house, "--from", str(list_backups(house.state)[0].path))
    assert found["aside"] is not None
    complete(house)


def test_a_backup_with_an_impossible_date_is_restored(house: Household, tmp_path: Path) -> None:
    with mounted(os.fsencode(tmp_path), "-t", "tmpfs", "none"):
        source = shutil.copy(list_backups(house.state)[0].path, tmp_path / "old.db")
        os.utime(source, (0, 1 << 62))
        assert recover(house, "--from", str(source))["until"] == f"@{1 << 62}"
    complete(house)


def test_a_named_backup_must_be_sound(house: Household) -> None:
    before = house.config.database.read_bytes()
    for name, data in {"text": b"dear", "none": None}.items():
        place = house.folder / name
        if data is not None:
            place.write_bytes(data)
        done = catalog(house, "recover", "--from", str(place))
        assert done.returncode == STORE and "is not sound" in done.stderr
    assert house.config.database.read_bytes() == before


def test_recovery_is_refused_while_the_service_runs(house: Household) -> None:
    house.start()
    done = catalog(house, "recover", "--rebuild")
    assert done.returncode == STORE
    assert "Stop it first" in done.stderr
    assert house.stop() == 0


def test_a_newer_catalog_is_not_replaced(house: Household) -> None:
    import apsw

    connection = apsw.Connection(str(house.config.database))
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    done = catalog(house, "recover")
    assert done.returncode == STORE and "Upgrade" in done.stderr


def test_a_backup_copied_back_by_hand_works(house: Household) -> None:
    for path in house.state.glob("catalog.db*"):
        path.unlink()
    shutil.copy(list_backups(house.state)[0].path, house.config.database)
    complete(house)


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
@pytest.mark.parametrize("words", [[], ["--rebuild"]])
def test_recovery_continues_after_a_kill_before_any_disk_change(house: Household, words: list[str]) -> None:
    """The next command continues; in between no empty catalog is created."""
    DAMAGES["cut"](house.config.database)
    lives = 0
    while True:
        call = [sys.executable, "-c", DYING, str(lives), "--config", str(house.config_path), "recover", *words]
        done = subprocess.run(call, capture_output=True, text=True, timeout=100)
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr
        lives += 1
        if not house.config.database.exists():
            assert house.once().returncode == STORE
    assert lives >= 6
    complete(house)


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


@pytest.mark.parametrize("damage", [*WALS, *SHMS])
def test_a_damaged_wal_costs_only_its_last_commits(house: Household, damage: str) -> None:
    """SQLite checks each frame of its log and rebuilds the shared memory: a truncated commit never happened."""
    house.start()
    put(house, "wal.png", picture(60))
    assert until(lambda: len(house.states()) == FILES + 2 and not house.busy()), house.tail()
    choose(house, "delete", "wal.png")
    house.kill()
    place = house.config.database.with_name("catalog.db" + ("-wal" if damage in WALS else "-shm"))
    assert place.stat().st_size > 1000
    (WALS | SHMS)[damage](place)
    assert house.once().returncode == 0
    assert house.findings() == []
    assert house.rows("SELECT value FROM label l JOIN content c ON c.id = l.content ORDER BY value") == [
        ("delete",),
        ("keep",),
        ("keep",),
    ]
    os.unlink(os.path.join(house.root, b"wal.png"))


def test_the_wal_of_the_damaged_catalog_is_not_applied_to_the_new_one(house: Household) -> None:
    """SQLite would write its pages into the new catalog."""
    house.start()
    assert until(lambda: not house.busy())
    house.kill()
    assert house.config.database.with_name("catalog.db-wal").stat().st_size > 0
    DAMAGES["header"](house.config.database)
    recover(house)
    assert not house.config.database.with_name("catalog.db-wal").exists()
    complete(house)
