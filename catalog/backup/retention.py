"""Decide which backups expire. Pure.

As restic's `forget --keep-daily N --keep-weekly M`: keep the last backup of each of N days and of each of M weeks. Days
and weeks without a backup do not count, so a machine that is rarely on keeps as many backups as any other.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from catalog.state_dir import BACKUP_NAME, backup_time

WEEK_SECONDS = 7 * 86400


def expired_backups(names: Iterable[str], now: float, daily: int, weekly: int) -> set[str]:
    """Return the names of the expired backups: never the newest, and never a file that is not ours.

    A backup made before a migration keeps the old schema, which no later one has: it is kept for `weekly` weeks. One
    from the future (the clock was set back) does not count as the newest, but takes the place of a day.
    """
    backups = sorted(((at, name) for name in names if (at := backup_time(name)) is not None), reverse=True)
    pre_migration = {name for at, name in backups if _is_pre_migration(name) and now - at < weekly * WEEK_SECONDS}
    regular = [(at, name) for at, name in backups if not _is_pre_migration(name)]
    newest = [name for at, name in regular if at <= now][:1] or [name for _, name in backups[:1]]
    kept = {*newest, *pre_migration, *_last_of_each(regular, _day, daily), *_last_of_each(regular, _week, weekly)}
    return {name for _, name in backups} - kept


def _is_pre_migration(name: str) -> bool:
    match = BACKUP_NAME.fullmatch(name)
    return match is not None and match["version"] is not None


def _last_of_each(newest_first: list[tuple[float, str]], period: Callable[[float], object], count: int) -> list[str]:
    last: dict[object, str] = {}
    for at, name in newest_first:
        last.setdefault(period(at), name)
    return list(last.values())[:count]


def _day(at: float) -> object:
    return int(at // 86400)


def _week(at: float) -> object:
    return datetime.fromtimestamp(at, UTC).isocalendar()[:2]
