"""SIGKILL at every crash point: the next start finishes the interrupted work, exactly once."""

import hashlib
import os
import random
import re
import signal
import time
from pathlib import Path

import pytest

from tests.crash.test_backup_point import OF_NIGHTS
from tests.crash.test_scrub_points import OF_SCRUBS
from tests.support.running_service import RunningService, picture
from tests.support.slow import mostly_slow
from tests.support.waiting import TIMEOUT_SECONDS, wait_until

FILES = 10
IN_WORKERS = ("intake.read", "intake.decoded")
# Where in its life the service passes: the point, and how often at least in one run of what the tests do.
BOTH = {
    "scan.batch": 2,
    "scan.lost": 1,
    "record": 8,
    "write.commit": 4,
    "write.committed": 4,
    "intake.collect": 8,
    "embed.batch": 2,
    "index.step": 1,
    "index.save": 1,
    "index.saved": 1,
}
OF_LOSSES = ("scan.losses",)
OF_SWITCHES = ("switch", "switched")  # tried in tests/daemon/embed/test_model_switch.py
OF_HEADS = ("train", "trained")  # tried in tests/daemon/embed/test_model_switch_head.py
OF_SCORES = (
    "score",
    "score.words",
    "score.named",
)  # tried in tests/catalog/heads/test_training_and_scores.py and tests/daemon/followers/test_names.py
WATCHING = {"scout.hints": 1, "sentry.step": 1, "answer": 3}


def passage(point: str, most: int) -> str:
    """Return the crash point and the passage to die at: it differs between points, and is the same in each run."""
    return f"{point}:{random.Random(point).randint(1, most)}"


def add_files(service: RunningService, first: int, count: int) -> None:
    """Add healthy files with distinct content, a copy of one, and a damaged file."""
    folder = os.path.join(service.root, b"d%d" % first)
    os.makedirs(folder)
    for seed in range(first, first + count):
        Path(os.fsdecode(folder), f"{seed}.png").write_bytes(picture(seed))
    Path(os.fsdecode(folder), "copy.png").write_bytes(picture(first))
    Path(os.fsdecode(folder), "cut.png").write_bytes(picture(first)[:90])


def require_complete(service: RunningService) -> None:
    """Check that the catalog has everything on disk completely, and nothing twice."""
    found = {os.path.join(top, name) for top, _, names in os.walk(service.root) for name in names if name[:1] != b"."}
    states = {path: state for path, state in service.states().items() if state[0] != "gone"}
    assert states.keys() == found
    for path, (state, sha256, reason) in states.items():
        with open(path, "rb") as file:
            assert sha256 == hashlib.sha256(file.read()).digest(), path
        assert (state, reason) == (("rejected", "truncated") if path.endswith(b"cut.png") else ("ok", None)), path
    assert service.findings() == []
    assert service.rows("SELECT file, count(*) FROM history GROUP BY file HAVING count(*) > 1") == []
    contents = {sha256 for state, sha256, _ in states.values() if state == "ok"}
    assert service.vectors().keys() == contents


def test_every_crash_point_in_the_code_is_tested() -> None:
    """An untested crash point proves nothing."""
    root = Path(__file__).parents[2]
    named = {
        name
        for path in root.glob("daemon/**/*.py")
        for name in re.findall(r'\bcrash_point\("([\w.]+)"\)', path.read_text("utf-8"))
    }
    elsewhere = (*OF_LOSSES, *OF_NIGHTS, *OF_SCRUBS, *OF_SWITCHES, *OF_HEADS, *OF_SCORES)
    assert named == {*BOTH, *WATCHING, *IN_WORKERS, *elsewhere}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", mostly_slow(BOTH, fast=2))
def test_the_next_pass_finishes_a_killed_one(service: RunningService, point: str) -> None:
    add_files(service, 0, FILES)
    done = service.once(CATALOGD_KILL_AT=passage(point, BOTH[point]))
    assert done.returncode == -signal.SIGKILL, done.stderr
    done = service.once()
    assert done.returncode == 0, done.stderr
    require_complete(service)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", mostly_slow({**BOTH, **WATCHING}, fast=3))
def test_a_killed_service_is_complete_after_its_next_start(service: RunningService, point: str) -> None:
    if point in ("scan.batch", "scan.lost", "index.save", "index.saved"):
        add_files(service, 0, FILES)  # what a start finds is scanned, indexed and saved at once
    service.start(ready=False, CATALOGD_KILL_AT=passage(point, (BOTH | WATCHING)[point]))
    wait_until(lambda: service.live() is not None or not service.alive)
    add_files(service, 100, FILES)
    assert wait_until(lambda: _has_died(service)), f"{point} was never passed\n{service.tail()}"
    assert service.process is not None and service.process.returncode == -signal.SIGKILL, service.tail()
    service.start()
    assert wait_until(lambda: not service.busy() and not service.findings()), (
        service.busy(),
        service.findings(),
        service.tail(),
    )
    require_complete(service)
    assert service.stop() == 0
    assert service.findings() == []


def _has_died(service: RunningService) -> bool:
    if service.alive:
        service.signal(signal.SIGHUP)  # another scan, and another look at the volumes
        service.live()
        time.sleep(0.3)
    return not service.alive


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", IN_WORKERS)
def test_killed_workers_cost_no_file(service: RunningService, point: str) -> None:
    """Every fourth file kills its worker; the next worker reads it."""
    add_files(service, 0, FILES)
    done = service.once(CATALOGD_KILL_AT=f"{point}:4")
    assert done.returncode == 0, done.stderr
    assert "worker_died" in done.stderr
    require_complete(service)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("lost", "code"), mostly_slow([(1005, 0), (1200, 4)]))
def test_killed_between_two_batches_of_losses(service: RunningService, lost: int, code: int) -> None:
    """Almost half of a root may be recorded as gone, a little more may not: the same before and after the kill."""
    os.mkdir(os.path.join(service.root, b"a"))
    for number in range(2100):
        service.path(f"{'a/' if number < lost else ''}{number}.png").touch()
    assert service.once().returncode == 0, service.tail()
    os.rename(os.path.join(service.root, b"a"), os.path.join(service.folder, "a"))
    os.mkdir(os.path.join(service.root, b"a"))  # so that each of its files is told to be missing
    done = service.once(CATALOGD_KILL_AT="scan.losses:2")
    assert done.returncode == (code or -signal.SIGKILL), done.stderr
    gone = [state for state, _, _ in service.states().values()].count("gone")
    assert gone == (0 if code else 1000)
    assert service.once().returncode == code
    assert [state for state, _, _ in service.states().values()].count("gone") == (0 if code else lost)


@pytest.mark.timeout(300)
def test_files_are_recorded_long_before_a_walk_ends(service: RunningService) -> None:
    """Workers start on them at once. Otherwise, an interrupted walk of millions of files would have been in vain."""
    for number in range(60):
        os.mkdir(os.path.join(service.root, b"%02d" % number))
        Path(os.fsdecode(service.root), f"{number:02}", "a.png").write_bytes(picture(number))
    done = service.once(CATALOGD_KILL_AT="scan.batch:40")
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(service.states()) == 32


@pytest.mark.timeout(300)
def test_repeated_kills_at_any_moment(service: RunningService) -> None:
    """The service is killed six times after a seeded time; after the last start everything is in order."""
    rng = random.Random(41)
    for life in range(6):
        add_files(service, 100 * life, 4)
        service.start(ready=False)
        time.sleep(rng.uniform(0.3, 1.5))
        service.kill()
    service.start()
    assert wait_until(lambda: not service.busy() and not service.findings(), TIMEOUT_SECONDS), (
        service.findings(),
        service.tail(),
    )
    require_complete(service)
