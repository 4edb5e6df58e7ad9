"""Verification coverage is counted from rows: the files read within the owner's days."""

from pathlib import Path

import pytest

from catalog.integrity.coverage import DAY_SECONDS, verification_coverage
from tests.support.catalog_rows import CatalogBuilder

NOW = 1_800_000_000.0


@pytest.fixture
def builder(tmp_path: Path) -> CatalogBuilder:
    return CatalogBuilder(tmp_path)


def put(builder: CatalogBuilder, ages: list[float | None], state: str = "ok", reason: str | None = None) -> None:
    """Add a file for each age in days; None: never read."""
    for age in ages:
        number = int(builder.db.value("SELECT coalesce(max(id), 0) FROM file"))
        file = builder.add_file(b"f%d" % number, builder.add_content(f"c{number}"), state)
        builder.db.run(
            "UPDATE file SET last_verified = ?, reason = coalesce(?, reason) WHERE id = ?",
            *(None if age is None else NOW - age * DAY_SECONDS, reason, file),
        )


def test_an_empty_catalog_is_fully_verified(builder: CatalogBuilder) -> None:
    found = verification_coverage(builder.db, 90, NOW)
    assert found == {"days": 90, "percent": 100.0, "oldest": None, "never": 0, "overdue": False}


def test_files_read_within_the_days_count_as_verified(builder: CatalogBuilder) -> None:
    put(builder, [0, 10, 89.9, 90.1, 400])
    assert (
        verification_coverage(builder.db, 90, NOW)["percent"],
        verification_coverage(builder.db, 90, NOW)["oldest"],
    ) == (60.0, 400.0)
    assert verification_coverage(builder.db, 91, NOW)["percent"] == 80.0
    assert verification_coverage(builder.db, 5, NOW)["percent"] == 20.0


def test_rejected_files_count_and_pending_files_are_unverified(builder: CatalogBuilder) -> None:
    put(builder, [1])
    put(builder, [1], "rejected")
    put(builder, [1], "pending")
    put(builder, [None], "rejected")
    assert (
        verification_coverage(builder.db, 90, NOW)["percent"],
        verification_coverage(builder.db, 90, NOW)["never"],
    ) == (
        50.0,
        1,
    )


def test_symlinks_and_special_files_are_not_counted(builder: CatalogBuilder) -> None:
    put(builder, [1])
    put(builder, [None] * 3, "rejected", "symbolic link")
    put(builder, [None], "rejected", "special file")
    found = verification_coverage(builder.db, 90, NOW)
    assert (found["percent"], found["never"]) == (100.0, 0)


def test_gone_files_are_not_counted(builder: CatalogBuilder) -> None:
    put(builder, [1, 400])
    builder.db.run("UPDATE file SET state = 'gone' WHERE last_verified < ?", NOW - 100 * DAY_SECONDS)
    found = verification_coverage(builder.db, 90, NOW)
    assert (found["percent"], found["oldest"]) == (100.0, 1.0)


def test_100_percent_means_every_file(builder: CatalogBuilder) -> None:
    with builder.db.transaction():
        put(builder, [1] * 10_001)
    builder.db.run("UPDATE file SET last_verified = 1 WHERE id = 7")
    assert verification_coverage(builder.db, 90, NOW)["percent"] == 99.99


def test_a_reading_dated_in_the_future_does_not_count(builder: CatalogBuilder) -> None:
    put(builder, [1, -0.5, -400])
    assert verification_coverage(builder.db, 90, NOW)["percent"] == 66.66


@pytest.mark.parametrize(("oldest", "overdue"), [(89, False), (96, False), (98, True)])
def test_coverage_is_overdue_once_scrubs_lag_by_a_week(builder: CatalogBuilder, oldest: float, overdue: bool) -> None:
    put(builder, [1, oldest])
    assert verification_coverage(builder.db, 90, NOW)["overdue"] is overdue
