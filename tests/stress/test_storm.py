"""A million events in a minute: the service keeps answering, and the catalog is correct at the end."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.running_service import RunningService, picture
from tests.support.waiting import wait_until

PROCESSES, ROUNDS = 4, 42_000
EVENTS = 6 * PROCESSES * ROUNDS  # create, modify, close, moved from, moved to, delete
pytestmark = [pytest.mark.stress, pytest.mark.timeout(1800)]

STORM = """
import os, random, sys
root, seed, rounds = os.fsencode(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
folders = [b"%s/%d" % (root, n) for n in range(200)]
for n in range(rounds):
    draft, path = (b"%s/%d-%d%s" % (chance.choice(folders), seed, n, end) for end in (b".part", b".png"))
    handle = os.open(draft, os.O_CREAT | os.O_WRONLY)
    os.write(handle, b"no picture %d %d" % (seed, n))
    os.close(handle)
    os.rename(draft, path)
    if n % 100:
        os.unlink(path)
"""


@pytest.fixture
def service() -> Iterator[RunningService]:
    """Yield a service in memory: a disk would be slower than the storm."""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
    folder = Path(tempfile.mkdtemp(prefix="catalogd-storm-", dir=memory))
    made = RunningService(folder)
    root = made.path()
    for number in range(200):
        (root / str(number)).mkdir()
        (root / str(number) / "kept.png").write_bytes(picture(number))
    yield made
    made.close()
    shutil.rmtree(folder)


def test_a_million_events(service: RunningService) -> None:
    service.start()
    assert wait_until(lambda: len(service.vectors()) == 200 and not service.busy(), 120), service.tail()
    vectors = service.vectors()
    began = time.monotonic()
    command = [sys.executable, "-c", STORM, os.fsdecode(service.root)]
    storms = [subprocess.Popen([*command, str(seed), str(ROUNDS)]) for seed in range(PROCESSES)]
    slowest, asked = 0.0, 0
    while any(storm.poll() is None for storm in storms):
        before = time.monotonic()
        assert service.live() is not None, service.tail()
        slowest, asked = max(slowest, time.monotonic() - before), asked + 1
        time.sleep(0.2)
    assert [storm.returncode for storm in storms] == [0] * PROCESSES
    ended = time.monotonic()
    expected = {
        os.path.join(top, name) for top, _, names in os.walk(service.root) for name in names if name[:1] != b"."
    }

    def known() -> set[bytes]:
        return {path for path, (state, _, _) in service.states().items() if state != "gone"}

    assert wait_until(lambda: not service.busy() and known() == expected, 900), (service.busy(), service.tail())
    assert wait_until(lambda: service.findings() == [], 120), service.findings()[:5]
    print(
        f"{EVENTS:,} events in {ended - began:.0f} s; {asked} answers meanwhile, the slowest in {slowest:.2f} s;"
        f" all in order {time.monotonic() - ended:.0f} s later"
    )
    assert vectors.items() <= service.vectors().items()
    assert service.stop() == 0
    assert service.findings() == []
