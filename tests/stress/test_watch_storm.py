"""100,000 directories: after an overflow and a storm from several processes all is known and the CPU is idle."""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

import pytest

from daemon.watch.hints import Hint, Rescan
from daemon.watch.observer import Watcher
from tests.support.hint_follower import Follower, on_disk
from tests.support.waiting import wait_until
from tools.bench.watch import cpu_of, make_directories, measure_overflow

DIRECTORIES = 100_000

pytestmark = [pytest.mark.stress, pytest.mark.timeout(600)]

STORM = """
import os, random, sys
root, seed = os.fsencode(sys.argv[1]), int(sys.argv[2])
chance = random.Random(seed)
folders = [folder for folder, _, _ in os.walk(root)]
for n in range(60_000):
    path = b"%s/%d-%d" % (chance.choice(folders), seed, n)
    os.close(os.open(path, os.O_CREAT | os.O_WRONLY))
    if n % 3 == 0:
        os.unlink(path)
    if n % 100 == 0:
        os.makedirs(path + b"-new/below")
        os.close(os.open(path + b"-new/below/f", os.O_CREAT | os.O_WRONLY))
"""


def limit(name: str) -> int:
    with open(f"/proc/sys/fs/inotify/{name}") as file:
        return int(file.read())


@pytest.fixture(scope="module")
def root() -> Iterator[bytes]:
    if limit("max_user_watches") < DIRECTORIES + 5_000:
        pytest.skip("fs.inotify.max_user_watches is too low for 100,000 directories")
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # a disk takes minutes to make and delete the tree
    path = os.fsencode(tempfile.mkdtemp(prefix="watch-storm-", dir=memory))
    make_directories(path, DIRECTORIES)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def follower(root: bytes) -> Iterator[Follower]:
    follower = Follower(root)
    yield follower
    follower.stop()


def test_an_overflow_is_over_in_seconds(root: bytes) -> None:
    if limit("max_queued_events") > 39_000:
        pytest.skip("the queue is longer than what this test fills it with")
    hints: list[Hint] = []
    watcher = Watcher([root], hints.append)
    watcher.start()
    try:
        figures = measure_overflow(root, hints)
        print(figures)
        assert figures["overflow_to_next_event"] < 10
        assert figures["overflow_to_rescan"] < 60
        assert figures["overflow_rescans"] == 1
        assert figures["overflow_cpu_after"] < 0.05  # watchdog's own emitter stays at 1.0 for good
        coverage = watcher.check()[0]
        assert coverage.watched == coverage.directories == DIRECTORIES + 1
    finally:
        watcher.stop()


def test_a_storm_of_processes_loses_nothing(root: bytes, follower: Follower) -> None:
    overflows: list[Hint] = []

    def submit(hint: Hint) -> None:
        follower.hints.put(hint)
        if isinstance(hint, Rescan) and hint.path == root:
            overflows.append(hint)

    watcher = Watcher([root], submit)
    watcher.start()
    try:
        command = [sys.executable, "-c", STORM, os.fsdecode(root)]
        storms = [subprocess.Popen([*command, str(seed)]) for seed in range(4)]
        assert [storm.wait() for storm in storms] == [0] * 4
        ended = time.monotonic()
        expected = on_disk(root)
        assert wait_until(lambda: follower.files == expected, 120), len(follower.files ^ expected)
        print("known", time.monotonic() - ended, "s after the storm,", len(overflows), "overflows")
        directories = sum(1 for _ in os.walk(root))
        assert wait_until(lambda: watcher.check()[0].directories == directories, 60)
        assert wait_until(lambda: watcher.check()[0].watched == directories, 60)
        time.sleep(1)
        assert cpu_of(lambda: time.sleep(3)) / 3 < 0.05
    finally:
        watcher.stop()
