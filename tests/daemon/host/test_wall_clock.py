"""The wall clock is set ahead and back: no file waits until then, and none counts as read in the future."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from catalog.integrity.coverage import verification_coverage
from catalog.store.clock_repair import MAX_DELAY_SECONDS, backward_step, seconds_ahead, shift_future_times
from catalog.store.database import Database
from catalog.store.events import record_event
from daemon.host.wall_clock import ClockMonitor
from tests.support.catalog_on_disk import Collection
from tests.support.fuse import mount_view
from tests.support.running_service import RunningService, picture
from tests.support.slow import mostly_slow
from tests.support.waiting import wait_until

HOUR, YEAR = 3600.0, 365 * 86400.0
NOW = 2_000_000_000.0
SET_CLOCK = str(Path(__file__).parents[2] / "injected" / "fake_clock")


@pytest.mark.parametrize(
    ("wall", "steady", "back"),
    [
        (1.0, 1.0, 0.0),
        (-HOUR, 1.0, HOUR + 1),
        (-YEAR, 0.0, YEAR),
        (YEAR, 1.0, 0.0),
        (0.5, 1.0, 0.0),  # slewed
        (8 * HOUR, 1.0, 0.0),  # suspended for a night
    ],
)
def test_only_a_step_back_counts_as_one(wall: float, steady: float, back: float) -> None:
    assert backward_step((NOW, 50.0), (NOW + wall, 50.0 + steady)) == pytest.approx(back)


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Collection]:
    made = Collection(tmp_path)
    yield made
    made.database.close()


def set_times(database: Database, now: float) -> None:
    """Set the times of three files (read now, postponed by five seconds, pending in a second) and of one event."""
    database.run("UPDATE file SET last_verified = ?", now)
    database.run("UPDATE file SET state = 'rejected', reason = 'unreadable', due = ? WHERE name = x'62'", now + 5)
    database.run("UPDATE file SET state = 'pending', due = ? WHERE name = x'63'", now + 1)
    record_event(database, now, "scanned")


@pytest.mark.parametrize("back", [HOUR, YEAR])
def test_future_times_are_moved_back_by_the_step(collection: Collection, back: float) -> None:
    for name in ("a", "b", "c"):
        collection.add_file(name)
    set_times(collection.database, NOW + back)
    assert seconds_ahead(collection.database, NOW) == back
    assert shift_future_times(collection.database, back, NOW) == 2
    assert collection.database.rows("SELECT due FROM file ORDER BY name") == [(None,), (NOW + 5,), (NOW + 1,)]
    assert collection.database.rows("SELECT DISTINCT last_verified FROM file WHERE state != 'pending'") == [(NOW,)]
    assert verification_coverage(collection.database, 90, NOW + 1)["percent"] == pytest.approx(66.66)
    assert seconds_ahead(collection.database, NOW) == 0.0


def test_a_time_too_far_ahead_is_limited_to_a_day(collection: Collection) -> None:
    collection.add_file("a")
    collection.database.run("UPDATE file SET state = 'pending', due = ?", NOW + 3 * YEAR)
    shift_future_times(collection.database, HOUR, NOW)
    assert collection.database.rows("SELECT due FROM file") == [(NOW + MAX_DELAY_SECONDS,)]


def test_past_times_are_unchanged(collection: Collection) -> None:
    collection.add_file("a")
    collection.database.run("UPDATE file SET last_verified = ?", NOW - 5)
    assert shift_future_times(collection.database, HOUR, NOW) == 0
    assert collection.database.rows("SELECT due, last_verified FROM file") == [(None, NOW - 5)]


def test_a_running_service_notices_at_the_next_check(collection: Collection) -> None:
    collection.add_file("a")
    collection.database.run("UPDATE file SET state = 'pending', due = ?", NOW + 5)
    times = iter([(NOW, 10.0), (NOW + 1, 11.0), (NOW + 2 - HOUR, 12.0), (NOW + 3 - HOUR, 13.0)])
    seen = [(0.0, 0.0)]
    stop = threading.Event()
    stop.set()

    def wall() -> float:
        seen[0] = next(times)
        return seen[0][0]

    clock = ClockMonitor(lambda change: change(collection.database), stop, wall, lambda: seen[0][1])
    for due in (NOW + 5, NOW + 5 - HOUR, NOW + 5 - HOUR):
        clock.step()
        assert collection.database.rows("SELECT due FROM file") == [(due,)]


# -- a service whose clock is really set


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("offset", "running"), mostly_slow([(HOUR, True), (YEAR, False), (HOUR, False), (YEAR, True)]))
def test_a_file_waiting_for_its_next_try_is_not_postponed(tmp_path: Path, offset: float, running: bool) -> None:
    """It cannot be read while the clock is ahead, and no event reports that it can be again: only its due time does."""
    service = RunningService(tmp_path)
    disk, control = os.fsencode(tmp_path) + b"/disk", tmp_path / "control"
    os.rename(service.root, disk)
    os.mkdir(service.root)
    for seed in range(4):
        Path(os.fsdecode(disk), f"{seed}.png").write_bytes(picture(seed))
    if os.geteuid() or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("this user may not mount a FUSE filesystem")

    def states() -> list[str]:
        return sorted(state for state, _, _ in service.states().values())

    told = tmp_path / "clock"
    environment = {"PYTHONPATH": SET_CLOCK, "SET_CLOCK": str(told)}

    def tell(seconds: float) -> None:
        draft = told.with_suffix(".new")
        draft.write_text(str(seconds))
        draft.rename(told)

    with mount_view(disk, service.root, control):
        control.write_text("eio 0.png\n")
        tell(offset)
        service.start(**environment)
        assert wait_until(lambda: states() == ["ok", "ok", "ok", "rejected"]), service.tail()
        ((due, read),) = service.rows("SELECT max(due), max(last_verified) FROM file")
        if not running:
            assert service.stop() == 0
        control.write_text("")
        tell(0)
        if not running:
            service.start(**environment)
        assert wait_until(lambda: states() == ["ok"] * 4), (states(), service.tail())
        ((later, read_later),) = service.rows("SELECT coalesce(max(due), 0), max(last_verified) FROM file")
        assert later < due - 3000 and read_later < read - 3000  # an hour is 3600 s, and this test took some of them
        assert service.rows("SELECT count(*) FROM event WHERE kind = 'clock set back'") == [(1,)]
        assert wait_until(lambda: not service.busy() and not service.findings())
        assert service.stop() == 0
    service.close()
