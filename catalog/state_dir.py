"""Names of the files and directories in the state directory; docs/backup.md describes each."""

import re
import time
from calendar import timegm

DATABASE = "catalog.db"
JOURNAL = "journal.jsonl"
BACKUPS = "backups"
REPORTS = "reports"
MODELS = "models"
DOWNLOADS = "hub"
ENGINES = "engines"
INDEX_HEADS = "index-*.head"
RECOVERING = "recovering"
SOCKET = "socket"
LOCK = "lock"
TRASH_LOCK = "trash.lock"
IN_FLIGHT = "in-hand"
LAST_RUNS = "last-runs.json"

BACKUP_NAME = re.compile(r"catalog-(?P<time>\d{8}T\d{6}Z)(?P<version>-v\d+)?\.db")
BACKUP_STAMP = "%Y%m%dT%H%M%SZ"


def backup_name(at: float, version: int | None = None) -> str:
    """Return the name of a backup made at `at` (seconds since the epoch). `version`: its schema version, if old."""
    stamp = time.strftime(BACKUP_STAMP, time.gmtime(at))
    return f"catalog-{stamp}.db" if version is None else f"catalog-{stamp}-v{version}.db"


def backup_time(name: str) -> float | None:
    """Return when the backup of this name was made, in seconds since the epoch; None for any other name."""
    match = BACKUP_NAME.fullmatch(name)
    try:
        return float(timegm(time.strptime(match["time"], BACKUP_STAMP))) if match else None
    except ValueError:
        return None
