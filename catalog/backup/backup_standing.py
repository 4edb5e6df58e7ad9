"""How the catalog's own safety stands: the newest backup, and what is wrong with it. No copy is opened for that."""

from pathlib import Path
from typing import Any

from catalog.backup.create import backups
from catalog.config.settings import BackupSettings
from catalog.journal import iso
from catalog.store.change_log import born
from catalog.store.database import Database

STALE_DAYS = 7
LAST = "SELECT at, kind, detail FROM event WHERE kind IN ('backup', 'backup failed') ORDER BY at DESC, id DESC LIMIT 1"


def backup_standing(database: Database, state: Path, settings: BackupSettings, now: float) -> dict[str, Any]:
    """`at`, `path` and `bytes` of the newest backup, None without one; `problem`: what has to be done, or ""."""
    newest = next(iter(backups(state)), None)
    nightly = bool(settings.daily or settings.weekly)
    return {
        "at": iso(newest.at) if newest else None,
        "path": str(newest.path) if newest else None,
        "bytes": newest.bytes if newest else None,
        "problem": judge(database.row(LAST), newest.at if newest else None, born(database), now) if nightly else "",
    }


def judge(last: tuple[Any, ...] | None, newest: float | None, began: float | None, now: float) -> str:
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
