"""Retention of backups over simulated years; the newest is never deleted."""

import random
import time

import pytest

from catalog.backup.retention import expired_backups
from catalog.state_dir import backup_name, backup_time

DAY = 86400.0
START = 1_767_225_600.0  # Thursday, 2026-01-01, UTC


def simulate(days: int, every: float = DAY, daily: int = 7, weekly: int = 4, start: float = START) -> set[str]:
    """Return the names left after a backup every `every` seconds, with expiry each time."""
    names: set[str] = set()
    at = start
    while at < start + days * DAY:
        names.add(backup_name(at))
        gone = expired_backups(names, at, daily, weekly)
        assert backup_name(at) not in gone
        names -= gone
        at += every
    return names


def ages(names: set[str], now: float) -> list[float]:
    return sorted((now - (backup_time(name) or 0.0)) / DAY for name in names)


def test_only_backup_names_have_a_time() -> None:
    assert backup_name(START) == "catalog-20260101T000000Z.db"
    assert backup_name(START, 1) == "catalog-20260101T000000Z-v1.db"
    assert backup_time(backup_name(START + 7.9)) == START + 7
    for name in ("catalog.db", "catalog-20260101T000000Z.db.part", "catalog-20269999T000000Z.db", "xcatalog-1.db", ""):
        assert backup_time(name) is None


def test_a_year_of_nights_leaves_seven_days_and_four_weeks() -> None:
    names = simulate(365)
    assert ages(names, START + 364 * DAY)[:7] == [0, 1, 2, 3, 4, 5, 6]
    assert len(names) in (9, 10)  # the present week's last copy is one of the seven, and so may be that before
    assert 14 < ages(names, START + 364 * DAY)[-1] <= 21
    assert simulate(364) - simulate(365) <= simulate(364)


def test_several_backups_a_day_count_once(every: float = DAY / 10) -> None:
    names = simulate(30, every)
    days = [int((backup_time(name) or 0) // DAY) for name in names]
    assert len(days) == len(set(days))


def test_a_machine_that_is_rarely_on_keeps_as_many_backups() -> None:
    assert len(simulate(700, every=20 * DAY)) == 7


def test_with_zero_counts_only_the_newest_is_kept() -> None:
    assert len(simulate(30, daily=0, weekly=0)) == 1
    assert ages(simulate(30, daily=0, weekly=0), START + 29 * DAY) == [0]
    assert len(simulate(60, daily=0, weekly=3)) == 3


def test_other_files_never_expire() -> None:
    names = {
        "catalog.db",
        "holiday.jpg",
        "catalog-20260101T000000Z.db.part",
        backup_name(START),
        backup_name(START + 1),
    }
    assert expired_backups(names, START + 9, 0, 0) == {backup_name(START)}


def test_a_pre_migration_backup_is_kept_for_the_weekly_period() -> None:
    old = backup_name(START + 3 * DAY + 60, 1)
    names = {backup_name(START + day * DAY) for day in range(30)} | {old}
    assert old not in expired_backups(names, START + 29 * DAY, 7, 4)
    assert old in expired_backups(names, START + 32 * DAY, 7, 4)
    assert expired_backups({old}, START + 900 * DAY, 7, 4) == set()  # the only one there is


def test_backups_from_the_future_do_not_displace_newer_ones() -> None:
    """The clock was wrong for a while and was set back."""
    names = {backup_name(START + 900 * DAY + day * DAY) for day in range(20)}
    for day in range(10):
        now = START + day * DAY
        names.add(backup_name(now))
        names -= expired_backups(names, now, 3, 2)
        assert backup_name(now) in names
    assert len(names) <= 6


@pytest.mark.parametrize("seed", range(50))
def test_the_newest_backup_not_in_the_future_is_always_kept(seed: int) -> None:
    rng = random.Random(seed)
    times = [START + rng.randrange(0, 100 * 86400) for _ in range(rng.randrange(1, 40))]
    now = START + rng.randrange(0, 100 * 86400)
    names = {backup_name(at) for at in times}
    gone = expired_backups(names, now, rng.randrange(4), rng.randrange(4))
    past = [at for at in times if at <= now]
    assert backup_name(max(past or times)) not in gone
    assert gone < names


def test_names_are_in_utc_in_any_time_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    try:
        assert backup_time(backup_name(START)) == START
        assert backup_name(START) == "catalog-20260101T000000Z.db"
    finally:
        monkeypatch.undo()
        time.tzset()
