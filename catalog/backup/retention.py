"""Names of backups, and which of them are kept. Pure.

After restic's `forget --keep-daily --keep-weekly`: the last copy of each of so many days, and of so many weeks. Days
and weeks without a copy do not count, so a machine that is seldom on keeps as many copies as any other.
"""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from catalog.state_dir import BACKUP_NAME, backup_time

WEEK_SECONDS = 7 * 86400


def expired_backups(names: Iterable[str], now: float, daily: int, weekly: int) -> set[str]:
    """Which copies may go; those that are no copies of ours, and the newest one, never.

    The copy made before a migration preserves what no later one does: it stays for `weekly` weeks. One from the
    future (the clock was set back) is no newer than what was made since, and takes the place of a day.
    """
    every = sorted(((at, name) for name in names if (at := backup_time(name)) is not None), reverse=True)
    preserved = {name for at, name in every if _is_pre_migration(name) and now - at < weekly * WEEK_SECONDS}
    plain = [(at, name) for at, name in every if not _is_pre_migration(name)]
    newest = [name for at, name in plain if at <= now][:1] or [name for _, name in every[:1]]
    kept = {*newest, *preserved, *_last_of_each(plain, _day, daily), *_last_of_each(plain, _week, weekly)}
    return {name for _, name in every} - kept


def _is_pre_migration(name: str) -> bool:
    found = BACKUP_NAME.fullmatch(name)
    return found is not None and found[2] is not None


def _last_of_each(newest_first: list[tuple[float, str]], period: Callable[[float], object], count: int) -> list[str]:
    last: dict[object, str] = {}
    for at, name in newest_first:
        last.setdefault(period(at), name)
    return list(last.values())[:count]


def _day(at: float) -> object:
    return int(at // 86400)


def _week(at: float) -> object:
    return datetime.fromtimestamp(at, UTC).isocalendar()[:2]
