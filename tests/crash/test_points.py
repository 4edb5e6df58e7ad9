"""SIGKILL at every named point: whatever was under way is done by the next start, once and no more."""

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
from tests.support.running_service import PATIENCE, Household, picture, until

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
    """The point, and at which of its passages to die: another for each point, the same in each run."""
    return f"{point}:{random.Random(point).randint(1, most)}"


def furnish(house: Household, first: int, count: int) -> None:
    """Healthy files, each its own content, and a second name for one; one damaged file."""
    folder = os.path.join(house.root, b"d%d" % first)
    os.makedirs(folder)
    for seed in range(first, first + count):
        Path(os.fsdecode(folder), f"{seed}.png").write_bytes(picture(seed))
    Path(os.fsdecode(folder), "copy.png").write_bytes(picture(first))
    Path(os.fsdecode(folder), "cut.png").write_bytes(picture(first)[:90])


def expect(house: Household) -> None:
    """Everything on disk is complete in the catalog, and nothing is there twice."""
    found = {os.path.join(top, name) for top, _, names in os.walk(house.root) for name in names if name[:1] != b"."}
    states = {path: state for path, state in house.states().items() if state[0] != "gone"}
    assert states.keys() == found
    for path, (state, sha256, reason) in states.items():
        with open(path, "rb") as file:
            assert sha256 == hashlib.sha256(file.read()).digest(), path
        assert (state, reason) == (("rejected", "truncated") if path.endswith(b"cut.png") else ("ok", None)), path
    assert house.findings() == []
    assert house.rows("SELECT file, count(*) FROM history GROUP BY file HAVING count(*) > 1") == []
    contents = {sha256 for state, sha256, _ in states.values() if state == "ok"}
    assert house.vectors().keys() == contents


def test_every_point_in_the_code_is_tried() -> None:
    """A point that nobody dies at proves nothing."""
    root = Path(__file__).parents[2]
    named = {
        name
        for path in root.glob("daemon/**/*.py")
        for name in re.findall(r'\bcrash_point\("([\w.]+)"\)', path.read_text("utf-8"))
    }
    elsewhere = (*OF_LOSSES, *OF_NIGHTS, *OF_SCRUBS, *OF_SWITCHES, *OF_HEADS, *OF_SCORES)
    assert named == {*BOTH, *WATCHING, *IN_WORKERS, *elsewhere}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", BOTH)
def test_a_pass_that_was_killed_is_finished_by_the_next(house: Household, point: str) -> None:
    furnish(house, 0, FILES)
    done = house.once(CATALOGD_KILL_AT=passage(point, BOTH[point]))
    assert done.returncode == -signal.SIGKILL, done.stderr
    done = house.once()
    assert done.returncode == 0, done.stderr
    expect(house)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", {**BOTH, **WATCHING})
def test_a_service_that_was_killed_is_complete_after_its_next_start(house: Household, point: str) -> None:
    if point in ("scan.batch", "scan.lost", "index.save", "index.saved"):
        furnish(house, 0, FILES)  # what a start finds is scanned, indexed and saved at once
    house.start(ready=False, CATALOGD_KILL_AT=passage(point, (BOTH | WATCHING)[point]))
    until(lambda: house.live() is not None or not house.alive)
    furnish(house, 100, FILES)
    assert until(lambda: _dies(house)), f"{point} was never passed\n{house.tail()}"
    assert house.service is not None and house.service.returncode == -signal.SIGKILL, house.tail()
    house.start()
    assert until(lambda: not house.busy() and not house.findings()), (house.busy(), house.findings(), house.tail())
    expect(house)
    assert house.stop() == 0
    assert house.findings() == []


def _dies(house: Household) -> bool:
    if house.alive:
        house.signal(signal.SIGHUP)  # another scan, and another look at the volumes
        house.live()
        time.sleep(0.3)
    return not house.alive


@pytest.mark.timeout(300)
@pytest.mark.parametrize("point", IN_WORKERS)
def test_workers_that_are_killed_cost_no_file(house: Household, point: str) -> None:
    """Every fourth file takes its worker down; the next worker reads it."""
    furnish(house, 0, FILES)
    done = house.once(CATALOGD_KILL_AT=f"{point}:4")
    assert done.returncode == 0, done.stderr
    assert "worker_died" in done.stderr
    expect(house)


@pytest.mark.timeout(300)
@pytest.mark.parametrize(("lost", "code"), [(1005, 0), (1200, 4)])
def test_killed_between_two_batches_of_losses(house: Household, lost: int, code: int) -> None:
    """Nearly half of a root may be declared gone, a little more may not: the same before the kill and after."""
    os.mkdir(os.path.join(house.root, b"a"))
    for number in range(2100):
        Path(os.fsdecode(house.root), f"{'a/' if number < lost else ''}{number}.png").touch()
    assert house.once().returncode == 0, house.tail()
    os.rename(os.path.join(house.root, b"a"), os.path.join(house.folder, "a"))
    os.mkdir(os.path.join(house.root, b"a"))  # so that each of its files is told to be missing
    done = house.once(CATALOGD_KILL_AT="scan.losses:2")
    assert done.returncode == (code or -signal.SIGKILL), done.stderr
    gone = [state for state, _, _ in house.states().values()].count("gone")
    assert gone == (0 if code else 1000)
    assert house.once().returncode == code
    assert [state for state, _, _ in house.states().values()].count("gone") == (0 if code else lost)


@pytest.mark.timeout(300)
def test_the_first_files_are_known_long_before_a_walk_ends(house: Household) -> None:
    """Readers begin with them. All at the end, and a walk of millions that is cut short would have been for nothing."""
    for number in range(60):
        os.mkdir(os.path.join(house.root, b"%02d" % number))
        Path(os.fsdecode(house.root), f"{number:02}", "a.png").write_bytes(picture(number))
    done = house.once(CATALOGD_KILL_AT="scan.batch:40")
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert len(house.states()) == 32


@pytest.mark.timeout(300)
def test_killed_at_any_moment_over_and_over(house: Household) -> None:
    """Six lives, each ended after a seeded while: the last one finds everything in order."""
    dice = random.Random(41)
    for life in range(6):
        furnish(house, 100 * life, 4)
        house.start(ready=False)
        time.sleep(dice.uniform(0.3, 1.5))
        house.kill()
    house.start()
    assert until(lambda: not house.busy() and not house.findings(), PATIENCE), (house.findings(), house.tail())
    expect(house)
