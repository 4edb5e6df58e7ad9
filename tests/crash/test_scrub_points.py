"""SIGKILL in the middle of a scrub: nothing that was verified is lost, nothing is judged twice, no budget begins anew."""

import json
import os
import signal
import time
from pathlib import Path

import pytest
from household import PATIENCE, Household, picture, until

from catalog.ask import ask
from catalog.db import Database

FILES = 12
# The point, and at which of its passages to die.
OF_SCRUBS = {
    "scrub.read": 7,
    "scrub.record": 1,
    "write.commit": 2,
    "write.committed": 3,
    "intake.collect": 1,
    "record": 1,
}


def furnish(house: Household) -> None:
    """Files that one pass has read, and in one of them a bit that has flipped since, behind its old stamp."""
    for seed in range(FILES):
        Path(os.fsdecode(house.root), f"{seed}.png").write_bytes(picture(seed))
    assert house.once().returncode == 0
    spoilt = Path(os.fsdecode(house.root), "3.png")
    data = bytearray(spoilt.read_bytes())
    data[-20] ^= 1
    spoilt.write_bytes(data)
    found = spoilt.stat()
    database = Database(house.config.database, write=True)
    database.run(
        "UPDATE file SET mtime_ns = ?, ctime_ns = ? WHERE name = x'332e706e67'", found.st_mtime_ns, found.st_ctime_ns
    )
    database.close()


def account(house: Household) -> dict[str, int]:
    (detail,) = house.rows("SELECT detail FROM event WHERE kind = 'scrubbed'")[-1]
    found: dict[str, int] = json.loads(detail)
    return found


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", OF_SCRUBS)
def test_a_scrub_that_was_killed_goes_on_with_the_next_start(house: Household, point: str) -> None:
    furnish(house)
    began = time.time()
    house.start(CATALOGD_KILL_AT=f"{point}:{OF_SCRUBS[point]}")
    ask(house.state, {"op": "scrub", "begin": True, "limit": 1_000_000})
    if not until(lambda: not house.alive, 10.0):
        house.kill()  # this start commits less often: then it dies wherever it is
    assert house.service is None or house.service.poll() == -signal.SIGKILL, house.tail()
    house.start()
    if not house.rows("SELECT 1 FROM event WHERE kind = 'scrubbed'"):
        ask(house.state, {"op": "scrub", "begin": True, "limit": 1_000_000})  # it died before the first word of it
    assert until(lambda: account(house)["ended"], PATIENCE), house.tail()
    assert until(lambda: not house.busy()), house.tail()
    assert house.rows("SELECT count(*) FROM file WHERE last_verified < ?", began) == [(0,)]
    found = account(house)
    assert (found["files"], found["sound"], found["different"]) == (FILES, FILES - 1, 1), "each is counted once"
    assert len(house.rows("SELECT id FROM event WHERE kind = 'scrubbed'")) == 1
    assert len(house.rows("SELECT id FROM event WHERE kind = 'betrayed'")) == 1
    assert house.rows("SELECT count(*) FROM history") == [(FILES + 1,)]
    assert house.stop() == 0
    assert house.findings() == []
