"""Delays and retries are stored in rows: they survive a kill, stay visible, and end by themselves."""

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.support.running_service import RunningService, drop_powers, picture
from tests.support.scrub_service import believe, change, states
from tests.support.waiting import TIMEOUT_SECONDS, wait_until

pytestmark = pytest.mark.timeout(300)
DUE = "SELECT state, reason, attempts, due, content FROM file WHERE name = ?"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path, "[intake]\nworkers = 1\n")
    yield made
    made.close()


def start(service: RunningService) -> None:
    """Start the service without the capabilities of root, so that permissions apply."""
    service.start(preexec=drop_powers if os.geteuid() == 0 else None)


def attempts(service: RunningService, name: bytes) -> int:
    rows = service.rows(DUE, name)
    return int(rows[0][2]) if rows else 0


def test_an_unreadable_file_is_retried_across_restarts_until_it_is_readable(service: RunningService) -> None:
    service.path("a.png").write_bytes(picture(1))
    service.path("a.png").chmod(0)
    start(service)
    assert wait_until(lambda: states(service).get("a.png") == "rejected unreadable"), service.tail()
    first = attempts(service, b"a.png")
    assert service.rows(DUE, b"a.png")[0][3] > time.time() - 60, "the next try has its time in the row"
    service.kill()
    start(service)
    assert wait_until(lambda: attempts(service, b"a.png") > first), "the kill took the next try with it"
    assert states(service) == {"a.png": "rejected unreadable"}, "it is visible all the while"
    service.kill()
    service.path("a.png").chmod(0o600)
    believe(service, "a.png")  # a disk that recovers leaves no sign on the file: nothing but the retry can tell
    change(service, "UPDATE file SET due = ? WHERE due IS NOT NULL", time.time() + 1)
    start(service)
    assert wait_until(lambda: states(service)["a.png"] == "ok"), service.tail()
    assert service.rows(DUE, b"a.png")[0][1:4] == (None, 0, None)
    assert service.stop() == 0
    assert service.findings() == []


def test_retries_become_less_frequent(service: RunningService) -> None:
    service.path("a.png").write_bytes(picture(1))
    service.path("a.png").chmod(0)
    start(service)
    assert wait_until(lambda: states(service).get("a.png") == "rejected unreadable")
    waits = []
    for _ in range(5):
        known = attempts(service, b"a.png")
        change(service, "UPDATE file SET due = ? WHERE name = ?", time.time() - 1, b"a.png")
        assert wait_until(partial(_more, service, known)), service.tail()
        waits.append(service.rows(DUE, b"a.png")[0][3] - time.time())
    assert waits == sorted(waits)
    assert waits[-1] > 3600


def _more(service: RunningService, known: int) -> bool:
    return attempts(service, b"a.png") > known


@pytest.mark.slow
def test_a_file_that_a_scrub_cannot_read_is_retried_until_it_is_readable(service: RunningService) -> None:
    for seed in range(3):
        service.path(f"{seed}.png").write_bytes(picture(seed))
    assert service.once().returncode == 0
    vectors = service.vectors()
    service.path("1.png").chmod(0)
    believe(service, "1.png")  # as with a disk that fails: nothing of the stamp has changed
    start(service)
    scrubbed = service.start_catalog("scrub")
    said, talk = scrubbed.communicate(timeout=TIMEOUT_SECONDS)
    assert (scrubbed.returncode, "unreadable" in said) == (1, True), (said, talk)
    row = service.rows(DUE, b"1.png")[0]
    assert row[:2] == ("rejected", "unreadable") and row[3] is not None
    assert row[4] is not None, "what it was is not forgotten"
    assert service.vectors() == vectors
    service.kill()
    service.path("1.png").chmod(0o600)
    believe(service, "1.png")
    change(service, "UPDATE file SET due = ? WHERE due IS NOT NULL", time.time())
    start(service)
    assert wait_until(lambda: states(service)["1.png"] == "ok"), service.tail()
    assert service.vectors() == vectors
    assert service.rows("SELECT count(*) FROM history") == [(3,)]
    assert service.stop() == 0
    assert service.findings() == []


def test_a_file_that_waits_after_a_write_is_read_after_a_kill(tmp_path: Path) -> None:
    service = RunningService(tmp_path, "[intake]\nworkers = 1\n")
    text = service.config_path.read_text().replace("closed_seconds = 0.1", "closed_seconds = 8.0")
    service.config_path.write_text(text.replace("open_seconds = 0.3", "open_seconds = 8.0"))
    try:
        service.start()
        assert wait_until(lambda: not service.busy())
        service.path("a.png").write_bytes(picture(1))
        assert wait_until(lambda: states(service).get("a.png") == "pending")
        due = service.rows(DUE, b"a.png")[0][3]
        service.kill()
        service.start()
        assert wait_until(lambda: states(service)["a.png"] == "ok"), service.tail()
        read = service.rows("SELECT last_verified FROM file")[0][0]
        assert read >= due - 8.0, "it was read before its writer had its rest"
    finally:
        service.close()


def test_a_file_that_is_written_all_the_time_is_checked_rarely_and_never_lost(service: RunningService) -> None:
    """How often it changed is kept in memory only: a restart costs a few retries and loses nothing."""
    file = service.path("a.png")
    file.write_bytes(picture(1))
    service.start()
    with file.open("ab") as growing:
        for _ in range(12):
            growing.write(b"more")
            growing.flush()
            time.sleep(0.2)
        service.kill()
        service.start()
        growing.write(b"and more")
    file.write_bytes(picture(2))
    assert wait_until(lambda: states(service).get("a.png") == "ok" and not service.busy()), (
        states(service),
        service.tail(),
    )
    assert service.stop() == 0
    assert service.findings() == []
