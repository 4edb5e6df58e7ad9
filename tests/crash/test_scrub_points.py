"""SIGKILL during a scrub: no verification is lost, no verdict is made twice, and no budget starts over."""

import json
import signal
import time

import pytest

from catalog.client.service import ask_service
from catalog.store.database import Database
from tests.support.running_service import RunningService, picture
from tests.support.slow import mostly_slow
from tests.support.waiting import TIMEOUT_SECONDS, wait_until

FILES = 12
# The point, and at which of its passages to die.
OF_SCRUBS = {"scrub.read": 7, "scrub.record": 1}
AND_AFTER = {"intake.collect": 1, "record": 1}  # the file that differs is read once more


def add_images(service: RunningService) -> None:
    """Files that one pass has read; in one of them a bit has flipped since, with its size and dates unchanged."""
    for seed in range(FILES):
        service.path(f"{seed}.png").write_bytes(picture(seed))
    assert service.once().returncode == 0
    spoilt = service.path("3.png")
    data = bytearray(spoilt.read_bytes())
    data[-20] ^= 1
    spoilt.write_bytes(data)
    found = spoilt.stat()
    database = Database(service.config.database, write=True)
    database.run(
        "UPDATE file SET mtime_ns = ?, ctime_ns = ? WHERE name = x'332e706e67'", found.st_mtime_ns, found.st_ctime_ns
    )
    database.close()


def account(service: RunningService) -> dict[str, int]:
    (detail,) = service.rows("SELECT detail FROM event WHERE kind = 'scrubbed'")[-1]
    found: dict[str, int] = json.loads(detail)
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", mostly_slow(OF_SCRUBS | AND_AFTER))
def test_a_killed_scrub_continues_at_the_next_start(service: RunningService, point: str) -> None:
    add_images(service)
    began = time.time()
    service.start(CATALOGD_KILL_AT=f"{point}:{(OF_SCRUBS | AND_AFTER)[point]}")
    ask_service(service.state, {"op": "scrub", "begin": True, "limit": 1_000_000})
    assert wait_until(lambda: not service.alive), service.tail()
    assert service.process is not None and service.process.returncode == -signal.SIGKILL, service.tail()
    service.start()
    assert wait_until(lambda: account(service)["ended"], TIMEOUT_SECONDS), service.tail()
    assert wait_until(lambda: not service.busy()), service.tail()
    assert service.rows("SELECT count(*) FROM file WHERE last_verified < ?", began) == [(0,)]
    found = account(service)
    assert (found["files"], found["sound"], found["different"]) == (FILES, FILES - 1, 1), "each is counted once"
    assert len(service.rows("SELECT id FROM event WHERE kind = 'scrubbed'")) == 1
    assert len(service.rows("SELECT id FROM event WHERE kind = 'betrayed'")) == 1
    assert service.rows("SELECT count(*) FROM history") == [(FILES + 1,)]
    assert service.stop() == 0
    assert service.findings() == []
