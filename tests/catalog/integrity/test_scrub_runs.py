"""Scrub runs are rows, so that the rest of a night's budget survives kills and further commands."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.integrity.scrub_runs import (
    ScrubRun,
    begin_continuous_run,
    begin_run,
    bytes_read_since,
    end_run,
    find_run,
    latest_requested_run,
    night_start,
    save_run,
    unfinished_run,
)
from catalog.store.database import Database

HOUR = 3600.0


@pytest.fixture
def database(tmp_path: Path) -> Database:
    return Database(tmp_path / "catalog.db", write=True)


@pytest.fixture(params=["UTC", "Europe/Berlin", "America/St_Johns", "Pacific/Auckland"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def at(text: str) -> float:
    return time.mktime(time.strptime(text, "%Y-%m-%d %H:%M"))


def test_a_night_lasts_from_noon_to_noon(zone: None) -> None:
    noon = at("2026-03-01 12:00")
    for moment in ("2026-03-01 12:00", "2026-03-01 23:59", "2026-03-02 02:00", "2026-03-02 11:59"):
        assert night_start(at(moment)) == noon, moment
    assert night_start(noon - 1) == at("2026-02-28 12:00")


def test_a_night_is_not_split_by_a_change_of_daylight_saving_time(zone: None) -> None:
    for day in ("2026-03-28 22:00", "2026-10-24 22:00", "2026-03-07 22:00", "2026-04-04 22:00"):
        evening = at(day)
        assert night_start(evening) == night_start(evening + 6 * HOUR) == evening - 10 * HOUR


def used(database: Database, run: ScrubRun, amount: int, now: float) -> ScrubRun:
    grown = run._replace(bytes=run.bytes + amount)
    save_run(database, grown, now)
    return grown


def test_a_second_run_gets_the_rest_of_the_budget(database: Database) -> None:
    evening = at("2026-03-01 22:00")
    first = begin_run(database, None, 1000, evening)
    assert (first.limit, first.before) == (1000, 0)
    used(database, first, 700, evening + HOUR)  # and killed
    second = begin_run(database, None, 1000, evening + 2 * HOUR)
    assert (second.limit, second.before) == (300, 700)
    used(database, second, 300, evening + 3 * HOUR)
    assert begin_run(database, None, 1000, evening + 4 * HOUR).limit == 0
    assert begin_run(database, None, 1000, evening + 24 * HOUR).limit == 1000


def test_an_explicit_budget_is_not_cut_but_counts_against_the_nightly_one(database: Database) -> None:
    evening = at("2026-03-01 22:00")
    used(database, begin_run(database, None, 1000, evening), 900, evening)
    own = begin_run(database, 5000, 1000, evening + HOUR)
    assert (own.limit, own.before) == (5000, 0)
    used(database, own, 5000, evening + HOUR)
    assert bytes_read_since(database, night_start(evening)) == 5900
    assert begin_run(database, None, 1000, evening + HOUR).limit == 0


def test_the_continuous_run_is_one_row_a_night_within_the_same_budget(database: Database) -> None:
    evening = at("2026-03-01 22:00")
    own = used(database, begin_continuous_run(database, 1000, evening), 200, evening)
    used(database, begin_run(database, None, 1000, evening), 500, evening + HOUR)
    again = begin_continuous_run(database, 1000, evening + 2 * HOUR)
    assert (again.id, again.bytes, again.before + again.limit) == (own.id, 200, 1000)
    assert again.limit == 500
    later = begin_continuous_run(database, 1000, evening + 24 * HOUR)
    assert (later.id != own.id, later.limit, later.bytes) == (True, 1000, 0)


def test_only_a_run_interrupted_tonight_is_resumed(database: Database) -> None:
    evening = at("2026-03-01 22:00")
    since = night_start(evening)
    assert unfinished_run(database, since) is None
    run = used(database, begin_run(database, 10**9, 0, evening), 50, evening)
    begin_continuous_run(database, 1000, evening + HOUR)
    assert unfinished_run(database, since) == run == latest_requested_run(database)
    assert unfinished_run(database, night_start(evening + 24 * HOUR)) is None
    assert end_run(database, run, evening + HOUR) == find_run(database, run.id)
    assert unfinished_run(database, since) is None
