"""Migration of a catalog of the first version: all or nothing, and after a backup."""

import signal
import subprocess
import sys
from pathlib import Path

import apsw
import pytest

from catalog.backup.create import list_backups
from catalog.errors import ResourceError, StoreError, UnstorableValueError
from catalog.state_dir import BACKUPS
from catalog.store.database import Database, database_problems
from catalog.store.migrations import APPLICATION_ID
from catalog.store.schema import MIGRATIONS
from tests.support.running_service import RunningService, picture

ROWS = """
INSERT INTO volume(id, path, kind, identity, since) VALUES (1, x'2f72', 'root', 'marker=m', 1.0);
INSERT INTO directory VALUES (1, 1, x'2f72');
INSERT INTO content(id, sha256, bytes, format, note) VALUES
  (1, randomblob(32), 10, 'png', 'n'), (2, randomblob(32), 20, NULL, NULL);
INSERT INTO model VALUES (1, 'old', 'old', 4, 'cpu', 1.0, 5.0), (2, 'new', 'new', 4, 'cpu', 1.0, 9.0);
INSERT INTO file(id, directory, name, size, mtime_ns, ctime_ns, inode, content, state, reason, first_seen)
  VALUES (1, 1, x'61', 10, 1, 1, 1, 1, 'ok', NULL, 3.0), (2, 1, x'62', 20, 1, 1, 2, 2, 'rejected', 'damaged', 4.0);
INSERT INTO history(file, content, size, mtime_ns, seen_at, verdict) VALUES (1, 1, 10, 1, 3.0, 'first');
INSERT INTO vector VALUES (1, 1, 2, 1, 1, x'0000000000000000');
INSERT INTO event(at, kind) VALUES (1.0, 'volume');
"""


def first_version(folder: Path, rows: str = ROWS) -> Path:
    """Create a catalog as the first version did; return its path."""
    path = folder / "catalog.db"
    connection = apsw.Connection(str(path))
    for statement in ("PRAGMA page_size = 16384", "PRAGMA journal_mode = WAL", MIGRATIONS[0], rows):
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = 1")
    connection.close()
    return path


def schema_version(path: Path) -> int:
    connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    ((version,),) = connection.execute("PRAGMA user_version").fetchall()
    connection.close()
    assert isinstance(version, int)
    return version


def test_migration_keeps_all_rows_and_a_backup(tmp_path: Path) -> None:
    path = first_version(tmp_path)
    with pytest.raises(StoreError, match="older version") as caught:
        Database(path, write=False)
    assert "catalogd --once" in caught.value.remedy
    assert list_backups(tmp_path) == []
    database = Database(path, write=True)
    assert database.rows("SELECT id, state, reason, betrayed FROM file") == [
        (1, "ok", None, 0),
        (2, "rejected", "damaged", 0),
    ]
    assert database.rows("SELECT note, suspect, proof FROM content WHERE id = 1") == [("n", None, 0)]
    assert database.rows("SELECT name FROM model WHERE role = 'current'") == [("new",)]
    assert database.rows("SELECT verdict, evidence FROM history") == [("first", None)]
    assert database.rows("PRAGMA foreign_key_check") == [] and database.quick_check() == []
    database.close()
    (backup,) = list_backups(tmp_path)
    assert backup.path.name.endswith("-v1.db")
    assert (database_problems(backup.path, thorough=True), schema_version(backup.path), schema_version(path)) == (
        [],
        1,
        len(MIGRATIONS),
    )
    Database(path, write=True).close()
    assert len(list_backups(tmp_path)) == 1


def test_a_migrated_catalog_stores_times_of_any_size(tmp_path: Path) -> None:
    """Connections that were open before see them too. No row is changed, and the other columns stay integers."""
    path = first_version(tmp_path)
    early = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    assert early.execute("SELECT mtime_ns FROM file WHERE id = 1").fetchall() == [(1,)]
    database = Database(path, write=True)
    before = "SELECT id, size, mtime_ns, ctime_ns, inode FROM file WHERE mtime_ns = 1 AND ctime_ns = 1"
    assert database.rows(before) == [(1, 10, 1, 1, 1), (2, 20, 1, 1, 2)]
    late = str(1 << 63)
    database.run("UPDATE file SET mtime_ns = ?, ctime_ns = ? WHERE id = 1", late, "-1" + late)
    database.run("UPDATE history SET mtime_ns = ?", late)
    find = "SELECT f.id, f.ctime_ns FROM file f JOIN history h ON h.mtime_ns = f.mtime_ns WHERE f.mtime_ns = ?"
    assert database.rows(find, late) == early.execute(find, (late,)).fetchall() == [(1, "-1" + late)]
    for column in ("size", "inode", "attempts"):
        with pytest.raises(UnstorableValueError, match="TEXT"):
            database.run(f"UPDATE file SET {column} = 'x'")
    assert database.quick_check() == [] and database_problems(path, thorough=True) == []
    early.close()
    database.close()


def test_nothing_is_migrated_if_the_backup_fails(tmp_path: Path) -> None:
    path = first_version(tmp_path)
    (tmp_path / BACKUPS).write_text("in the way")
    with pytest.raises(ResourceError):
        Database(path, write=True)
    assert schema_version(path) == 1
    (tmp_path / BACKUPS).unlink()
    Database(path, write=True).close()
    assert schema_version(path) == len(MIGRATIONS)


KILLED_MIGRATION = """
import os, signal, sys
from pathlib import Path
from catalog.store.database import Database
left = int(sys.argv[2])
def die_after(method):
    def wrapper(*arguments):
        global left
        result = method(*arguments)
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    return wrapper
Database.script, Database.copy = die_after(Database.script), die_after(Database.copy)
Database(Path(sys.argv[1]), write=True)
"""


def test_a_migration_killed_after_any_step_completes_at_the_next_start(tmp_path: Path) -> None:
    """Killed after the backup, after each step (before the commit), after the version is set, and at the end."""
    path = first_version(tmp_path)
    steps = len(MIGRATIONS) + 1
    for lives in range(steps):
        done = subprocess.run([sys.executable, "-c", KILLED_MIGRATION, path, str(lives)])
        assert done.returncode == -signal.SIGKILL
        assert schema_version(path) == 1
        assert database_problems(path, thorough=True) == []
    assert subprocess.run([sys.executable, "-c", KILLED_MIGRATION, path, str(steps)]).returncode == 0
    database = Database(path, write=False)
    assert database.value("SELECT count(*) FROM file") == 2 and database.quick_check() == []


def test_the_service_migrates_an_old_catalog(tmp_path: Path) -> None:
    service = RunningService(tmp_path)
    service.path("a.png").write_bytes(picture(1))
    service.state.mkdir()
    first_version(service.state, "INSERT INTO event(at, kind) VALUES (1.0, 'old')")
    done = service.once()
    assert done.returncode == 0, done.stderr
    assert service.findings() == []
    assert service.rows("SELECT count(*) FROM event WHERE kind = 'old'") == [(1,)]
    assert [backup.path.name.endswith("-v1.db") for backup in list_backups(service.state)] == [True]


def test_a_backup_of_the_first_version_can_be_restored(tmp_path: Path) -> None:
    service = RunningService(tmp_path)
    service.path("a.png").write_bytes(picture(1))
    service.state.mkdir()
    old = first_version(service.state, "INSERT INTO event(at, kind) VALUES (1.0, 'old')")
    old.rename(tmp_path / "old.db")
    done = service.catalog("recover", "--from", tmp_path / "old.db")
    assert done.returncode == 0, done.stderr
    assert service.once().returncode == 0
    assert service.findings() == []
    assert service.rows("SELECT count(*) FROM event WHERE kind = 'old'") == [(1,)]
