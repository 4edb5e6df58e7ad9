"""Create backups of the catalog, each a checked copy of the whole file, and report the status of the newest one.

Vectors are most of the bytes and could be computed again, but for ten million images that would take days without
similarity search: they are backed up, too.
"""

import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from catalog.backup.retention import expired_backups
from catalog.config.settings import BackupSettings
from catalog.errors import CatalogError, ResourceError, StoreError, resource_errors
from catalog.filesystem.atomic_write import make_private_directory
from catalog.journal import format_timestamp
from catalog.state_dir import BACKUPS, backup_name, backup_time
from catalog.store.change_log import catalog_created_at
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.status import BackupStatusJson

FREE_SPACE_MARGIN_BYTES = 16 << 20  # left free for the catalog itself
BACKUP_HOUR = 3  # local time: between the day's last images and the report in the morning

CHANGE_MARKER_SQL = (
    "SELECT seq FROM clock",
    "SELECT max(id) FROM file",
    "SELECT max(id) FROM directory",
    "SELECT max(id) FROM content",
    "SELECT max(id) FROM history",
    "SELECT count(*), max(at) FROM label",
    "SELECT max(coalesce(last_verified, 0)) FROM file WHERE state IN ('ok', 'rejected')",
    "SELECT * FROM tally WHERE files != 0 ORDER BY volume, state, reason",
    "SELECT id, path, kind, identity, away FROM volume ORDER BY id",
    "SELECT id, digest, role FROM model ORDER BY id",
)


class Backup(NamedTuple):
    """One backup. `at`: when it was made, in seconds since the epoch."""

    path: Path
    at: float
    bytes: int


class BackupEvent(NamedTuple):
    """The last event of the nightly backup. `kind`: `backup` or `backup failed`; `detail`: the error."""

    at: float
    kind: str
    detail: str | None


def list_backups(state: Path) -> list[Backup]:
    """Return all backups, newest first. Each passed its check when it was made."""
    found: list[Backup] = []
    try:
        for path in (state / BACKUPS).iterdir():
            at = backup_time(path.name)
            if at is not None:
                found.append(Backup(path, at, path.stat().st_size))
    except OSError:
        pass  # no folder, or a backup that is being deleted
    return sorted(found, key=lambda backup: (backup.at, backup.path.name), reverse=True)


def create_backup(
    database: Database,
    state: Path,
    settings: BackupSettings,
    now: float,
    should_stop: Callable[[], bool] = lambda: False,
) -> Backup:
    """Create a backup, and only then delete the expired ones.

    Raises StoreError or ResourceError if it could not be made; no older backup was deleted. Raises TaskStopped if
    `should_stop()` returned True.
    """
    folder = state / BACKUPS
    make_private_directory(folder)
    target = folder / backup_name(now)
    with _exclusive_lock(folder):
        for part in folder.glob("*.part*"):  # what a kill left half-written: under the lock, no backup is being written
            part.unlink(missing_ok=True)
        write_backup(database, target, should_stop)
        _delete_expired(folder, settings, now)
    return Backup(target, float(int(now)), target.stat().st_size)


@contextmanager
def _exclusive_lock(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StoreError(f"another backup is being made in {folder}", "Wait until it is done.") from error
    finally:
        os.close(handle)


def write_backup(database: Database, target: Path, should_stop: Callable[[], bool] = lambda: False) -> None:
    """Write a checked copy to any path. Raises StoreError, ResourceError; TaskStopped if `should_stop()`."""
    require_free_space(target.parent, database.size)
    database.copy(target, should_stop)


def require_free_space(folder: Path, size: int) -> None:
    """Raise ResourceError unless `size` bytes and a margin are free."""
    with resource_errors(f"cannot use {folder}", "Create it, or mount its disk."):
        free = shutil.disk_usage(folder).free
    needed = size + FREE_SPACE_MARGIN_BYTES
    if free < needed:
        raise ResourceError(
            f"a backup needs {needed / 1e6:,.0f} MB in {folder}, but only {free / 1e6:,.0f} MB are free",
            "Free some space, or keep fewer backups: `daily` and `weekly` in [backup].",
        )


def _delete_expired(folder: Path, settings: BackupSettings, now: float) -> None:
    with suppress(OSError):  # the new backup exists, which is what counts; the next one tries again
        names = {path.name for path in folder.iterdir()}
        for name in expired_backups(names, now, settings.daily, settings.weekly):
            (folder / name).unlink(missing_ok=True)


def last_scheduled_time(now: float) -> float:
    """Return the latest scheduled time of a nightly backup up to `now`, in seconds since the epoch."""
    today = time.localtime(now)
    scheduled = _backup_time_of(today, 0)
    return scheduled if scheduled <= now else _backup_time_of(today, -1)


def _backup_time_of(day: time.struct_time, offset: int) -> float:
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday + offset, BACKUP_HOUR, 0, 0, 0, 0, -1))


def is_backup_due(newest: float | None, created: float | None, scheduled: float, now: float) -> bool:
    """Return whether the backup scheduled for last night is missing. Pure.

    `newest`: the time of the newest backup. `created`: of the catalog; a younger one than last night needs none yet. A
    time in the future was recorded before the clock was set back, and proves nothing about last night.
    """
    if created is None or scheduled <= created <= now:
        return False
    return newest is None or newest < scheduled or newest > now


def changed_since_backup(database: Database, backup: Backup) -> bool:
    """Return whether the catalog has anything that the backup lacks. A scan that found no change does not count."""
    try:
        with Database(backup.path, write=False) as older:
            return _change_markers(database) != _change_markers(older)
    except CatalogError:
        return True


def _change_markers(database: Database) -> list[Any]:
    return [database.rows(sql) for sql in CHANGE_MARKER_SQL]


STALE_DAYS = 7
SECONDS_PER_DAY = 86400
LAST_BACKUP_EVENT_SQL = (
    "SELECT at, kind, detail FROM event WHERE kind IN ('backup', 'backup failed') ORDER BY at DESC, id DESC LIMIT 1"
)


def backup_status(database: Database, state: Path, settings: BackupSettings, now: float) -> "BackupStatusJson":
    """Return `at`, `path` and `bytes` of the newest backup, None without one, and `problem`, with its remedy, or ""."""
    newest = next(iter(list_backups(state)), None)
    problem = ""
    if settings.daily or settings.weekly:
        event = database.row(LAST_BACKUP_EVENT_SQL)
        last = BackupEvent(*event) if event else None
        problem = backup_problem(last, newest.at if newest else None, catalog_created_at(database), now)
    return {
        "at": format_timestamp(newest.at) if newest else None,
        "path": str(newest.path) if newest else None,
        "bytes": newest.bytes if newest else None,
        "problem": problem,
    }


def backup_problem(last: BackupEvent | None, newest: float | None, created: float | None, now: float) -> str:
    """Return what is wrong with the backups, or "". Pure.

    `newest`: the time of the newest backup; `created`: of the catalog. A night without changes counts like a backup.
    """
    failed = last is not None and last.kind == "backup failed"
    if last is not None and failed and last.at > (newest or 0.0):
        return str(last.detail)
    good = max(newest or 0.0, last.at if last is not None and not failed else 0.0, created or now)
    age = now - good
    if age <= STALE_DAYS * SECONDS_PER_DAY:
        return ""
    days = int(age / SECONDS_PER_DAY)
    return f"none for {days} days: make sure that the service runs regularly, or run `catalog backup`"
