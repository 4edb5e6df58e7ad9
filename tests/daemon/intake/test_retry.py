"""Delays and retries are stored in rows: they survive a kill, stay visible, and end by themselves."""

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.running_service import PATIENCE, Household, drop_powers, picture, until
from tests.support.scrub_service import believe, catalog, change, path, states

pytestmark = pytest.mark.timeout(300)
DUE = "SELECT state, reason, attempts, due, content FROM file WHERE name = ?"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path, "[intake]\nworkers = 1\n")
    yield made
    made.close()


def start(house: Household) -> None:
    """Start the service without the capabilities of root, so that permissions apply."""
    house.start(preexec=drop_powers if os.geteuid() == 0 else None)


def attempts(house: Household, name: bytes) -> int:
    rows = house.rows(DUE, name)
    return int(rows[0][2]) if rows else 0


def test_an_unreadable_file_is_retried_across_restarts_until_it_is_readable(house: Household) -> None:
    path(house, "a.png").write_bytes(picture(1))
    path(house, "a.png").chmod(0)
    start(house)
    assert until(lambda: states(house).get("a.png") == "rejected unreadable"), house.tail()
    first = attempts(house, b"a.png")
    assert house.rows(DUE, b"a.png")[0][3] > time.time() - 60, "the next try has its time in the row"
    house.kill()
    start(house)
    assert until(lambda: attempts(house, b"a.png") > first), "the kill took the next try with it"
    assert states(house) == {"a.png": "rejected unreadable"}, "it is visible all the while"
    house.kill()
    path(house, "a.png").chmod(0o600)
    believe(house, "a.png")  # a disk that recovers leaves no sign on the file: nothing but the retry can tell
    change(house, "UPDATE file SET due = ? WHERE due IS NOT NULL", time.time() + 1)
    start(house)
    assert until(lambda: states(house)["a.png"] == "ok"), house.tail()
    assert house.rows(DUE, b"a.png")[0][1:4] == (None, 0, None)
    assert house.stop() == 0
    assert house.findings() == []


def test_retries_become_less_frequent(house: Household) -> None:
    path(house, "a.png").write_bytes(picture(1))
    path(house, "a.png").chmod(0)
    start(house)
    assert until(lambda: states(house).get("a.png") == "rejected unreadable")
    waits = []
    for _ in range(5):
        known = attempts(house, b"a.png")
        change(house, "UPDATE file SET due = ? WHERE name = ?", time.time() - 1, b"a.png")
        assert until(partial(_more, house, known)), house.tail()
        waits.append(house.rows(DUE, b"a.png")[0][3] - time.time())
    assert waits == sorted(waits)
    assert waits[-1] > 3600


def _more(house: Household, known: int) -> bool:
    return attempts(house, b"a.png") > known


def test_a_file_that_a_scrub_cannot_read_is_retried_until_it_is_readable(house: Household) -> None:
    for seed in range(3):
        path(house, f"{seed}.png").write_bytes(picture(seed))
    assert house.once().returncode == 0
    vectors = house.vectors()
    path(house, "1.png").chmod(0)
    believe(house, "1.png")  # as with a disk that fails: nothing of the stamp has changed
    start(house)
    scrubbed = catalog(house, "scrub")
    said, talk = scrubbed.communicate(timeout=PATIENCE)
    assert (scrubbed.returncode, "unreadable" in said) == (1, True), (said, talk)
    row = house.rows(DUE, b"1.png")[0]
    assert row[:2] == ("rejected", "unreadable") and row[3] is not None
    assert row[4] is not None, "what it was is not forgotten"
    assert house.vectors() == vectors
    house.kill()
    path(house, "1.png").chmod(0o600)
    believe(house, "1.png")
    change(house, "UPDATE file SET due = ? WHERE due IS NOT NULL", time.time())
    start(house)
    assert until(lambda: states(house)["1.png"] == "ok"), house.tail()
    assert house.vectors() == vectors
    assert house.rows("SELECT count(*) FROM history") == [(3,)]
    assert house.stop() == 0
    assert house.findings() == []


def test_a_file_that_waits_after_a_write_is_read_after_a_kill(tmp_path: Path) -> None:
    house = Household(tmp_path, "[intake]\nworkers = 1\n")
    text = house.config_path.read_text().replace("closed_seconds = 0.1", "closed_seconds = 8.0")
    house.config_path.write_text(text.replace("open_seconds = 0.3", "open_seconds = 8.0"))
    try:
        house.start()
        assert until(lambda: not house.busy())
        path(house, "a.png").write_bytes(picture(1))
        assert until(lambda: states(house).get("a.png") == "pending")
        due = house.rows(DUE, b"a.png")[0][3]
        house.kill()
        house.start()
        assert until(lambda: states(house)["a.png"] == "ok"), house.tail()
        read = house.rows("SELECT last_verified FROM file")[0][0]
        assert read >= due - 8.0, "it was read before its writer had its rest"
    finally:
        house.close()


def test_a_file_that_is_written_all_the_time_is_checked_rarely_and_never_lost(house: Household) -> None:
    """How often it changed is kept in memory only: a restart costs a few retries and loses nothing."""
    file = path(house, "a.png")
    file.write_bytes(picture(1))
    house.start()
    with file.open("ab") as growing:
        for _ in range(12):
            growing.write(b"more")
            growing.flush()
            time.sleep(0.2)
        house.kill()
        house.start()
        growing.write(b"and more")
    file.write_bytes(picture(2))
    assert until(lambda: states(house).get("a.png") == "ok" and not house.busy()), (states(house), house.tail())
    assert house.stop() == 0
    assert house.findings() == []
