"""Backups are snapshots while the writer goes on, are checked, and never replace a better one."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from catalog.backup.create import (
    BackupEvent,
    backup_problem,
    changed_since_backup,
    create_backup,
    is_backup_due,
    last_scheduled_time,
    list_backups,
    write_backup,
)
from catalog.choices.labels import LabelChoice, record_choices
from catalog.config.settings import BackupSettings
from catalog.errors import CatalogError, ResourceError, StoreError
from catalog.state_dir import BACKUPS
from catalog.store import database as db
from catalog.store.database import Database, TaskStopped, database_problems
from tests.support.catalog_rows import CatalogBuilder, directions

SETTINGS = BackupSettings()
NOW = 1_767_258_000.0
DAY = 86400.0


@pytest.fixture
def builder(tmp_path: Path) -> Iterator[CatalogBuilder]:
    """A catalog of a few hundred vectors: some fifty pages."""
    made = CatalogBuilder(tmp_path, dims=512)
    made.add_images(directions(300, dims=512))
    yield made
    made.db.close()


def names(builder: CatalogBuilder) -> list[str]:
    return sorted(path.name for path in (builder.folder / BACKUPS).iterdir())


def test_a_backup_is_a_snapshot_although_the_writer_commits_during_each_step(
    builder: CatalogBuilder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "COPY_STEP_PAGES", 1)
    reader = Database(builder.path, write=False)
    before = reader.rows("SELECT c.sha256, v.data FROM vector v JOIN content c ON c.id = v.content ORDER BY v.id")
    commits = 0

    def commit() -> bool:
        nonlocal commits
        if commits < 40:
            commits += 1
            builder.add_image(f"late {commits}", directions(1, commits, dims=512)[0])
        return False

    made = create_backup(reader, builder.folder, SETTINGS, NOW, commit)
    assert commits == 40, "the writer was kept waiting, or the copy was made in one step"
    copy = Database(made.path, write=False)
    assert copy.rows("SELECT c.sha256, v.data FROM vector v JOIN content c ON c.id = v.content ORDER BY v.id") == before
    assert builder.db.value("SELECT count(*) FROM vector") == 340
    assert database_problems(made.path, thorough=True) == []
    assert names(builder) == ["catalog-20260101T090000Z.db"]
    assert (made.at, made.bytes) == (NOW, made.path.stat().st_size)
    assert list_backups(builder.folder) == [made]
    assert made.path.stat().st_mode & 0o777 == 0o600


def test_a_damaged_catalog_is_not_backed_up_and_no_backup_expires(builder: CatalogBuilder) -> None:
    good = create_backup(builder.db, builder.folder, BackupSettings(1, 0), NOW)
    builder.db.shrink_log()
    builder.db.close()
    with builder.path.open("r+b") as file:
        for page in range(20, 40):
            file.seek(page * 16384)
            file.write(b"\xff" * 600)
    damaged = Database(builder.path, write=False)
    with pytest.raises(StoreError) as caught:
        create_backup(damaged, builder.folder, BackupSettings(1, 0), NOW + 30 * DAY)
    assert "catalog recover" in caught.value.remedy
    assert names(builder) == [good.path.name]


@contextmanager
def file_limit(size: int) -> Iterator[None]:
    """Limit the size of files, which makes writes fail as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


def test_a_full_disk_leaves_no_partial_file_and_no_backup_expires(builder: CatalogBuilder) -> None:
    good = create_backup(builder.db, builder.folder, BackupSettings(1, 0), NOW)
    with file_limit(200_000), pytest.raises(ResourceError):
        create_backup(builder.db, builder.folder, BackupSettings(1, 0), NOW + 30 * DAY)
    assert names(builder) == [good.path.name]
    assert database_problems(good.path) == []


def test_free_space_is_checked_first(builder: CatalogBuilder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("catalog.backup.create.FREE_SPACE_MARGIN_BYTES", 1 << 60)
    with pytest.raises(ResourceError, match="are free") as caught:
        create_backup(builder.db, builder.folder, SETTINGS, NOW)
    assert "[backup]" in caught.value.remedy


@pytest.mark.parametrize("steps", [0, 3, 30])
def test_a_stopped_backup_leaves_no_file(builder: CatalogBuilder, monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    monkeypatch.setattr(db, "COPY_STEP_PAGES", 1)
    left = [False] * steps + [True] * 100_000
    with pytest.raises(TaskStopped):
        create_backup(builder.db, builder.folder, SETTINGS, NOW, lambda: left.pop(0))
    assert names(builder) == []


def test_only_one_backup_is_made_at_a_time(builder: CatalogBuilder) -> None:
    def another() -> bool:
        with pytest.raises(StoreError, match="another backup"):
            create_backup(builder.db, builder.folder, SETTINGS, NOW + 5)
        return False

    create_backup(Database(builder.path, write=False), builder.folder, SETTINGS, NOW, another)
    assert len(names(builder)) == 1


MAKER = """
import sys, time
from pathlib import Path
from catalog.backup.create import create_backup
from catalog.config.settings import BackupSettings
from catalog.store.database import Database
database = Database(Path(sys.argv[1]) / "catalog.db", write=False)
print("ready", flush=True)
for number in range(1000):
    create_backup(database, Path(sys.argv[1]), BackupSettings(2, 0), float(sys.argv[2]) + 86400 * number)
"""


def test_after_a_kill_at_any_moment_every_backup_is_complete(builder: CatalogBuilder) -> None:
    for life in range(6):
        with subprocess.Popen(
            [sys.executable, "-c", MAKER, builder.folder, str(NOW + 400 * DAY * life)], stdout=subprocess.PIPE
        ) as maker:
            assert maker.stdout and maker.stdout.readline() == b"ready\n"
            time.sleep(0.013 * life)
            maker.kill()
        for backup in list_backups(builder.folder):
            assert database_problems(backup.path, thorough=True) == [], backup
    create_backup(builder.db, builder.folder, BackupSettings(2, 0), NOW + 9000 * DAY)
    assert all(name.endswith(".db") for name in names(builder))


@pytest.mark.parametrize("damage", ["cut", "zeros", "foreign", "text", "empty", "newer"])
def test_an_unsound_file_fails_the_check(builder: CatalogBuilder, damage: str) -> None:
    made = create_backup(builder.db, builder.folder, SETTINGS, NOW).path
    assert database_problems(made) == []
    data = made.read_bytes()
    if damage == "newer":
        import apsw

        connection = apsw.Connection(str(made))
        connection.execute("PRAGMA user_version = 99")
        connection.close()
    else:
        made.write_bytes(
            {
                "cut": data[: len(data) // 2],
                "zeros": data[: 16384 * 30] + bytes(16384 * 4) + data[16384 * 34 :],
                "foreign": data[:68] + b"\0\0\0\0" + data[72:],
                "text": b"no database " * 9000,
                "empty": b"",
            }[damage]
        )
    assert database_problems(made) != []


def test_only_new_data_counts_as_a_change(builder: CatalogBuilder) -> None:
    made = create_backup(builder.db, builder.folder, SETTINGS, NOW)
    builder.db.run("INSERT INTO event(at, kind) VALUES (0, 'scanned')")
    builder.db.run("UPDATE volume SET scanned_at = 9.0")
    assert not changed_since_backup(builder.db, made)
    record_choices(builder.db, builder.folder, [LabelChoice(bytes(32), 1, "keep", "owner", 1.0, b"/p")])
    assert changed_since_backup(builder.db, made)
    again = create_backup(builder.db, builder.folder, SETTINGS, NOW + DAY)
    assert not changed_since_backup(builder.db, again)
    builder.db.run("UPDATE file SET last_verified = 5.0 WHERE id = 3")
    assert changed_since_backup(builder.db, again)
    made.path.write_bytes(b"damaged")
    assert changed_since_backup(builder.db, made)


def test_a_backup_is_due_for_each_night(monkeypatch: pytest.MonkeyPatch) -> None:
    night, now = NOW, NOW + 3600
    assert not is_backup_due(None, None, night, now), "there is no catalog"
    assert not is_backup_due(None, night + 5, night, now), "it was born today"
    assert is_backup_due(None, night - 5, night, now)
    assert is_backup_due(night - 5, night - DAY, night, now)
    assert not is_backup_due(night + 5, night - DAY, night, now)
    assert is_backup_due(now + DAY, night - DAY, night, now), "made before the clock was set back"
    assert is_backup_due(None, now + DAY, night, now), "born before the clock was set back"
    for zone in ("UTC", "America/Anchorage", "Pacific/Auckland", "Asia/Kathmandu"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        at = NOW
        while at < NOW + 370 * DAY:
            night = last_scheduled_time(at)
            assert time.localtime(night).tm_hour == 3
            assert at - 25 * 3600 <= night <= at, "changes of the clock make days of 23 and of 25 hours"
            at += 1801.0
    monkeypatch.undo()
    time.tzset()


def test_the_problem_in_status() -> None:
    now = NOW + 100 * DAY
    assert backup_problem(None, None, now - DAY, now) == ""
    assert "none for 8 days" in backup_problem(None, None, now - 8 * DAY - 9, now)
    assert backup_problem(BackupEvent(now - DAY, "backup", None), now - 90 * DAY, now - 99 * DAY, now) == "", (
        "nothing had changed"
    )
    assert "none for 9 days" in backup_problem(
        BackupEvent(now - 9 * DAY - 9, "backup", None), now - 9 * DAY - 9, now - 99 * DAY, now
    )
    assert (
        backup_problem(BackupEvent(now - 60, "backup failed", "full. Free some."), now - DAY, now - 99 * DAY, now)
        == "full. Free some."
    )
    assert backup_problem(BackupEvent(now - 60, "backup failed", "full"), now - 50, now - 99 * DAY, now) == "", (
        "one was made by hand since"
    )


def catalog(config: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("catalog")), "--config", str(config), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=100)


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """The configuration of an empty catalog."""
    (tmp_path / "photos").mkdir()
    place = tmp_path / "config.toml"
    assert catalog(place, "init", "--state", str(tmp_path / "state"), str(tmp_path / "photos")).returncode == 0
    return place


def test_the_command_creates_lists_and_exports_backups(config: Path, tmp_path: Path) -> None:
    made = json.loads(catalog(config, "backup", "--json").stdout)
    assert database_problems(Path(made["path"])) == []
    assert Path(made["path"]).parent == tmp_path / "state" / "backups"
    assert json.loads(catalog(config, "backup", "--list", "--json").stdout) == made
    assert json.loads(catalog(config, "status", "--json").stdout)["backup"] == made | {"problem": ""}
    target = tmp_path / "usb" / "copy of it.db"
    target.parent.mkdir()
    for _ in range(2):  # over an older one, too
        assert catalog(config, "backup", "--to", str(target)).returncode == 0
        assert database_problems(target) == [] and os.listdir(target.parent) == [target.name]


def test_the_command_overwrites_no_other_file_and_writes_into_no_root(config: Path, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear")
    (tmp_path / "link").symlink_to(tmp_path / "photos")
    for target, code in {
        "letter.txt": 2,
        "photos/catalog.db": 2,
        "link/catalog.db": 2,
        "state/catalog.db": 2,
        "no such folder/x.db": 4,
        "photos": 2,
    }.items():
        done = catalog(config, "backup", "--to", str(tmp_path / target))
        assert done.returncode == code, (target, done.stderr)
        assert "remedy: " in done.stderr
    assert (tmp_path / "letter.txt").read_text() == "dear"
    assert os.listdir(tmp_path / "photos") == [".catalogd-root"]


def test_an_export_deletes_no_older_file(builder: CatalogBuilder, tmp_path: Path) -> None:
    for number in range(12):
        write_backup(builder.db, tmp_path / f"catalog-202601{number + 10}T000000Z.db")
    assert len(list(tmp_path.glob("catalog-2026*.db"))) == 12
    with pytest.raises(CatalogError):
        write_backup(builder.db, tmp_path / "absent" / "x.db")
