"""The names of what lies in the state directory. docs/backup.md says what each is, and what its loss costs."""

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
IN_HAND = "in-hand"

BACKUP_NAME = re.compile(r"catalog-(?P<time>\d{8}T\d{6}Z)(?P<version>-v\d+)?\.db")
BACKUP_STAMP = "%Y%m%dT%H%M%SZ"


def backup_name(at: float, version: int | None = None) -> str:
    """The name of a copy made at `at` (seconds since the epoch); `version`: of the schema that it preserves."""
    stamp = time.strftime(BACKUP_STAMP, time.gmtime(at))
    return f"catalog-{stamp}.db" if version is None else f"catalog-{stamp}-v{version}.db"


def backup_time(name: str) -> float | None:
    """When the copy of that name was made, in seconds since the epoch; None where it is no copy's name."""
    found = BACKUP_NAME.fullmatch(name)
    try:
        return float(timegm(time.strptime(found["time"], BACKUP_STAMP))) if found else None
    except ValueError:
        return None
