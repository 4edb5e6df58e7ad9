"""Files that are written while they are read: the recorded bytes existed at some moment."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.running_service import RunningService
from tests.support.waiting import wait_until

SLOW = str(Path(__file__).parents[1] / "injected" / "slow_decoder")
# Writes pictures over one another, in place and in pieces, and says of each piece what the whole file was after it.
WRITER = """
import hashlib, os, random, sys, time
path, seconds, seed = sys.argv[1], float(sys.argv[2]), int(sys.argv[3])
rng = random.Random(seed)
end = time.monotonic() + seconds
while time.monotonic() < end:
    data = b"P6 600 600 255 " + rng.randbytes(600 * 600 * 3)
    digest = hashlib.sha256()
    with open(path, "r+b" if os.path.exists(path) else "wb", buffering=0) as file:
        file.truncate(0)
        print(digest.hexdigest())
        for start in range(0, len(data), 1 << 16):
            piece = data[start : start + (1 << 16)]
            file.write(piece)
            digest.update(piece)
            print(digest.hexdigest(), flush=True)
            time.sleep(rng.choice([0, 0.001, 0.01]))
    time.sleep(rng.uniform(0, 0.6))
"""

GROWING = """
import sys, time
with open(sys.argv[1], "ab", buffering=0) as file:
    while True:
        file.write(bytes(999))
        time.sleep(0.001)
"""


@pytest.mark.timeout(300)
def test_every_recorded_hash_is_of_bytes_that_were_on_disk(service: RunningService) -> None:
    service.start(PYTHONPATH=SLOW)
    paths = [os.path.join(os.fsdecode(service.root), f"{number}.ppm") for number in range(3)]
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITER, path, "12", str(seed)], stdout=subprocess.PIPE, text=True)
        for seed, path in enumerate(paths)
    ]
    states = [set(writer.communicate()[0].split()) for writer in writers]
    assert wait_until(lambda: len(service.states()) == 3 and not service.busy() and not service.findings()), (
        service.tail()
    )
    for path, stood in zip(paths, states, strict=True):
        state, sha256, _ = service.states()[os.fsencode(path)]
        assert (state, sha256) == ("ok", hashlib.sha256(Path(path).read_bytes()).digest())
        taken = service.rows(
            "SELECT lower(hex(c.sha256)) FROM history h JOIN content c ON c.id = h.content JOIN file f ON f.id = h.file"
            " WHERE f.name = ?",
            os.fsencode(os.path.basename(path)),
        )
        assert {sha256 for (sha256,) in taken} <= stood
    assert service.stop() == 0


@pytest.mark.timeout(300)
def test_a_pass_over_files_that_keep_changing_ends(service: RunningService) -> None:
    """They are checked several times and left pending: no pass waits for a download."""
    path = service.path("growing.ppm")
    writer = subprocess.Popen([sys.executable, "-c", GROWING, path])
    try:
        assert wait_until(lambda: path.exists() and path.stat().st_size > 5000)
        done = service.once()
        assert done.returncode == 0, done.stderr
        ((state, _, _),) = service.states().values()
        assert state in ("pending", "rejected")
    finally:
        writer.kill()
        writer.wait()
    assert service.once().returncode == 0
    assert service.findings() == []
