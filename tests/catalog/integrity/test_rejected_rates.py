"""What counts as an image of a day, and when the damage rate raises an alarm."""

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.files.observe import Sighting, record_sighting
from catalog.files.results import accept_file, ensure_content, reject_file
from catalog.filesystem.stat_signature import Signature
from catalog.integrity.rejected import DAY_SECONDS, DamageRate, damage_rates, wilson_lower_bound
from models.decode.reason import RejectReason
from tests.support.catalog_on_disk import Collection
from tests.support.running_service import RunningService, picture

NOW = 20_000 * DAY_SECONDS + 4000.0


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    made = Collection(tmp_path)
    yield made
    made.database.close()


@pytest.mark.parametrize(
    ("damaged", "files", "percent", "alarm"),
    [
        (2, 4, 5, False),  # chance
        (4, 4, 5, False),
        (5, 5, 5, True),
        (84, 400, 5, True),  # the images arrive damaged
        (2, 400, 5, False),  # normal
        (24, 400, 5, False),  # 6 %, not significantly more than 5
        (40, 400, 5, True),
        (0, 0, 5, False),
        (5, 100_000, 0, True),
        (400, 400, 100, False),
    ],
)
def test_the_alarm_rings_only_for_a_significant_damage_rate(
    damaged: int, files: int, percent: float, alarm: bool
) -> None:
    assert DamageRate(b"/r", 1, files, damaged).alarming(percent) is alarm


@pytest.mark.parametrize(("damaged", "files"), [(84, 400), (2, 4), (5, 5), (1, 1000)])
def test_the_lower_bound_satisfies_wilsons_definition(damaged: int, files: int) -> None:
    """Checks the definition of Wilson's interval instead of its closed form."""
    bound = wilson_lower_bound(damaged, files)
    assert 0 < bound < damaged / files
    assert (damaged / files - bound) ** 2 == pytest.approx(1.96**2 * bound * (1 - bound) / files)
    assert wilson_lower_bound(0, files) == wilson_lower_bound(0, 0) == 0.0


class Desk:
    """Records sightings and results of files."""

    def __init__(self, collection: Collection) -> None:
        self.collection, self.database = collection, collection.database

    def seen(self, name: str, version: int = 1) -> tuple[int, Signature]:
        sign = Signature(10, version, version, 7)
        record_sighting(self.database, Sighting(self.collection.path(name), sign, 1.0), NOW)
        ((id_,),) = self.database.rows("SELECT id FROM file WHERE name = ?", os.fsencode(name))
        return id_, sign

    def well(self, name: str, version: int = 1, data: int = 1, now: float = NOW) -> None:
        id_, sign = self.seen(name, version)
        accept_file(self.database, id_, sign, self.content(data), now)

    def bad(
        self, name: str, reason: RejectReason = RejectReason.DAMAGED, version: int = 1, data: int | None = 2
    ) -> None:
        id_, sign = self.seen(name, version)
        reject_file(self.database, id_, sign, reason, "", None if data is None else self.content(data), NOW)

    def content(self, data: int) -> int:
        return ensure_content(self.database, bytes([data]) * 32, 10, None)

    def counts(self, days: int = 7) -> list[tuple[int, int]]:
        return [(rate.files, rate.damaged) for rate in damage_rates(self.database, NOW, days)]


def test_only_first_readings_and_new_bytes_count(collection: Collection) -> None:
    desk = Desk(collection)
    desk.well("a")
    desk.bad("b")
    assert desk.counts() == [(2, 1)]
    desk.well("a", version=2)  # read again for a new ctime: the same bytes
    assert desk.counts() == [(2, 1)]
    desk.well("a", version=3, data=3)  # edited
    assert desk.counts() == [(3, 1)]
    desk.bad("a", version=4, data=4)  # overwritten with damage
    assert desk.counts() == [(4, 2)]
    collection.database.run("UPDATE file SET state = 'pending', reason = NULL, due = 1.0 WHERE name = x'61'")
    desk.bad("a", version=4, data=4)  # another model has everything read again
    assert desk.counts() == [(4, 2)]
    desk.bad("text", RejectReason.NOT_IMAGE, data=5)
    desk.bad("closed", RejectReason.UNREADABLE, data=None)
    assert desk.counts() == [(4, 2)]


def test_a_file_that_crashes_the_decoder_counts_once(collection: Collection) -> None:
    desk = Desk(collection)
    desk.bad("evil", RejectReason.CRASH, data=None)
    desk.bad("evil", RejectReason.CRASH, data=None)  # tried again a day later
    found = collection.database.rows("SELECT files, damaged FROM intake")
    assert found == [(1, 1)]


def test_bit_rot_is_not_counted_as_intake(collection: Collection) -> None:
    desk = Desk(collection)
    desk.well("a")
    collection.database.run("UPDATE file SET state = 'pending', due = 1.0, betrayed = 1")
    desk.bad("a")
    assert desk.counts() == [(1, 0)]


def test_rates_are_by_utc_day_within_the_range(collection: Collection) -> None:
    desk = Desk(collection)
    for number, day in enumerate((0, 3, 6, 7, -365)):
        desk.well(f"{number}", data=number + 10, now=NOW - day * DAY_SECONDS)
    assert desk.counts(days=7) == [(1, 0)] * 3
    assert [rate.day for rate in damage_rates(collection.database, NOW, 7)] == [20_000, 19_997, 19_994]


@pytest.mark.timeout(300)
def test_status_warns_of_a_high_damage_rate(tmp_path: Path) -> None:
    service = RunningService(tmp_path)
    root = service.path()
    for seed in range(40):
        (root / f"{seed}.png").write_bytes(picture(seed)[: -20 if seed % 4 == 0 else None])
    assert service.once().returncode == 0
    day = time.strftime("%Y-%m-%d", time.gmtime())
    (status,) = service.json_lines("status")
    (found,) = status["damage"]
    assert found == {"path": str(root), "day": day, "files": 40, "damaged": 10, "percent": 25.0, "alarm": True}
    assert f"{root}: 25 % of 40 images read on {day} are damaged (0.5 % is normal)" in service.catalog("status").stdout
    assert service.json_lines("rejected", "--rates") == [found]
    assert "check how images get there" in service.catalog("rejected", "--rates").stdout
    service.close()
