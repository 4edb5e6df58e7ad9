"""Backups of the catalog: copies of the whole file, each proved before it gets its name.

Vectors are most of their bytes and could be computed again; they are kept all the same, since for ten million images
that would take days, during which nothing is found.

How the catalog's own safety stands: the newest backup, and what is wrong with it. No copy is opened for that.
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
from catalog.errors import CatalogError, ResourceError, StoreError
from catalog.filesystem.atomic_write import make_private_directory
from catalog.journal import format_timestamp
from catalog.state_dir import BACKUPS, backup_name, backup_time
from catalog.store.change_log import catalog_created_at
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.status import BackupStatusJson

FREE_SPACE_MARGIN_BYTES = 16 << 20  # bytes that stay free for the catalog itself
BACKUP_HOUR = 3  # o'clock, local time: between the day's last pictures and the report in the morning

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
    """One copy. `at`: when it was made, in seconds since the epoch."""

    path: Path
    at: float
    bytes: int


def backup_folder(state: Path) -> Path:
    """Where the backups of this state directory lie."""
    return state / BACKUPS


def list_backups(state: Path) -> list[Backup]:
    """All backups, the newest first. That they lie there says that they were good when they were made."""
    found: list[Backup] = []
    try:
        for path in backup_folder(state).iterdir():
            at = backup_time(path.name)
            if at is not None:
                found.append(Backup(path, at, path.stat().st_size))
    except OSError:
        pass  # no folder, no backups; and what goes at this moment is none
    return sorted(found, key=lambda backup: (backup.at, backup.path.name), reverse=True)


def create_backup(
    database: Database, state: Path, settings: BackupSettings, now: float, stopped: Callable[[], bool] = lambda: False
) -> Backup:
    """Make a backup, and only then let go of those that are one too many.

    Raises:
        Fault: it could not be made; all that were there are still there. Stopped: `stopped()` said so.
    """
    folder = backup_folder(state)
    make_private_directory(folder)
    target = folder / backup_name(now)
    with _exclusive_lock(folder):
        _remove_partial_files(folder)
        write_backup(database, target, stopped)
        _delete_expired(folder, settings, now)
    return Backup(target, float(int(now)), target.stat().st_size)


@contextmanager
def _exclusive_lock(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise StoreError(f"another backup is being made in {folder}", "Wait until it is there.") from error
    finally:
        os.close(handle)


def _remove_partial_files(folder: Path) -> None:
    """What a kill left half-made. Whoever is alone here makes none now."""
    for part in folder.glob("*.part*"):
        part.unlink(missing_ok=True)


def write_backup(database: Database, target: Path, stopped: Callable[[], bool] = lambda: False) -> None:
    """Write a proved copy to `target`, any place at all. Raises Fault; Stopped where `stopped()` said so."""
    require_free_space(target.parent, database.size)
    database.copy(target, stopped)


def require_free_space(folder: Path, need: int) -> None:
    """Raises ResourceError where `need` bytes and a margin are not free."""
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        raise ResourceError(
            f"cannot use {folder}: {os.strerror(error.errno or 0).lower()}", "Make it, or mount it."
        ) from error
    if free < need + FREE_SPACE_MARGIN_BYTES:
        raise ResourceError(
            f"a backup needs {(need + FREE_SPACE_MARGIN_BYTES) / 1e6:,.0f} "
            f"MB in {folder}, and {free / 1e6:,.0f} MB are free",
            "Free some space, or keep fewer copies: `daily` and `weekly` in [backup].",
        )


def _delete_expired(folder: Path, settings: BackupSettings, now: float) -> None:
    with suppress(OSError):  # the new one is there, which is what counts; the next one tries again
        names = {path.name for path in folder.iterdir()}
        for name in expired_backups(names, now, settings.daily, settings.weekly):
            (folder / name).unlink(missing_ok=True)


def last_scheduled_time(now: float) -> float:
    """The latest time before `now` at which a nightly backup was to be made, in seconds since the epoch."""
    local = time.localtime(now)
    today = time.mktime((local.tm_year, local.tm_mon, local.tm_mday, BACKUP_HOUR, 0, 0, 0, 0, -1))
    return today if today <= now else time.mktime((*local[:2], local.tm_mday - 1, BACKUP_HOUR, 0, 0, 0, 0, -1))


def is_backup_due(newest: float | None, born: float | None, night: float, now: float) -> bool:
    """Whether last night has no backup yet. Pure. A catalog younger than that has nothing to lose so far.

    What seems to lie in the future was made before the clock was set back, and says nothing of last night.
    """
    if born is None or night <= born <= now:
        return False
    return newest is None or newest < night or newest > now


def changed_since_backup(database: Database, backup: Backup) -> bool:
    """Whether the catalog knows anything that the backup does not. Scans that found nothing new are no news."""
    try:
        older = Database(backup.path, write=False)
    except CatalogError:
        return True
    try:
        return _change_markers(database) != _change_markers(older)
    except CatalogError:
        return True
    finally:
        older.close()


def _change_markers(database: Database) -> list[Any]:
    return [database.rows(sql) for sql in CHANGE_MARKER_SQL]


STALE_DAYS = 7
LAST_BACKUP_EVENT_SQL = (
    "SELECT at, kind, detail FROM event WHERE kind IN ('backup', 'backup failed') ORDER BY at DESC, id DESC LIMIT 1"
)


def backup_status(database: Database, state: Path, settings: BackupSettings, now: float) -> "BackupStatusJson":
    """`at`, `path` and `bytes` of the newest backup, None without one; `problem`: what has to be done, or ""."""
    newest = next(iter(list_backups(state)), None)
    nightly = bool(settings.daily or settings.weekly)
    return {
        "at": format_timestamp(newest.at) if newest else None,
        "path": str(newest.path) if newest else None,
        "bytes": newest.bytes if newest else None,
        "problem": backup_problem(
            database.row(LAST_BACKUP_EVENT_SQL), newest.at if newest else None, catalog_created_at(database), now
        )
        if nightly
        else "",
    }


def backup_problem(last: tuple[Any, ...] | None, newest: float | None, began: float | None, now: float) -> str:
    """What is wrong, or "". `last`: the last word of the nightly backup (when, kind, detail); `began`: the catalog's
    birth. Pure. A night in which nothing had changed counts like one with a backup.
    """
    failed = last is not None and last[1] == "backup failed"
    if last is not None and failed and last[0] > (newest or 0.0):
        return str(last[2])
    good = max(newest or 0.0, last[0] if last is not None and not failed else 0.0, began or now)
    if now - good <= STALE_DAYS * 86400:
        return ""
    return f"none for {int((now - good) / 86400)} days: see that the service runs at times, or type `catalog backup`"
