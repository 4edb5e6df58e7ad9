"""A decoder that crashes, hangs or exhausts memory costs one file, never the service."""

import os
from functools import partial
from pathlib import Path

import pytest

from catalog.errors import CatalogError
from tests.support.running_service import Household, picture, until

EVIL = str(Path(__file__).parents[1] / "injected" / "broken_decoder")
FATES = {
    b"segv.png": "crashes the decoder",
    b"hang.png": "takes too long",
    b"hog.png": "needs too much memory",
}


def furnish(house: Household, *evil: bytes) -> None:
    """Healthy files, and files whose names make the decoder fail."""
    for seed, name in enumerate((b"a.png", b"b.png", b"c.png", *evil)):
        with open(os.path.join(house.root, name), "wb") as file:
            file.write(picture(seed))


def verdicts(house: Household) -> dict[bytes, str | None]:
    """Return the reject reasons by name; None for a healthy file."""
    return {
        os.path.basename(path): None if state == "ok" else reason or state
        for path, (state, _, reason) in house.states().items()
    }


WELL: dict[bytes, str | None] = {b"a.png": None, b"b.png": None, b"c.png": None}


@pytest.mark.timeout(300)
def test_a_pass_rejects_each_bad_file_with_its_reason_and_reads_all_others(house: Household) -> None:
    furnish(house, *FATES)
    done = house.once(PYTHONPATH=EVIL)
    assert done.returncode == 0, done.stderr
    assert verdicts(house) == WELL | FATES
    assert house.findings() == []
    assert done.stderr.count("worker_died") == 6  # three strikes each for the crash and for the hang


@pytest.mark.timeout(300)
def test_the_service_survives(house: Household) -> None:
    house.start(PYTHONPATH=EVIL)
    furnish(house, *FATES)
    assert until(lambda: verdicts(house) == WELL | FATES), (verdicts(house), house.tail())
    assert house.alive
    with open(os.path.join(house.root, b"later.png"), "wb") as file:
        file.write(picture(9))
    assert until(lambda: verdicts(house).get(b"later.png", "") is None), house.tail()
    assert house.stop() == 0


@pytest.mark.timeout(300)
def test_strikes_survive_a_restart_of_the_service(house: Household) -> None:
    furnish(house, b"segv.png")
    for strikes in (1, 2):
        house.start(ready=False, PYTHONPATH=EVIL)
        assert until(partial(struck, house, b"segv.png", strikes)), house.tail()
        house.kill()
    # A death is logged before it is committed, so a kill may leave one in the log that is no strike yet.
    before = house.tail(1000).count("worker_died")
    house.start(PYTHONPATH=EVIL)
    assert until(lambda: verdicts(house)[b"segv.png"] == "crashes the decoder"), (verdicts(house), house.tail())
    assert house.tail(1000).count("worker_died") - before <= 1


@pytest.mark.timeout(300)
def test_a_file_that_kills_the_service_is_given_up(house: Household) -> None:
    """The service dies while a worker reads the file, as when the kernel runs out of memory."""
    settings = house.config_path.read_text("utf-8").replace("seconds = 2.0", "seconds = 600.0")
    house.config_path.write_text(settings, "utf-8")
    furnish(house, b"hang.png")
    for strikes in range(3):
        house.start(ready=False, PYTHONPATH=EVIL)
        assert until(partial(struck, house, b"hang.png", strikes)), house.tail()
        assert until(partial(in_hand, house, b"hang.png")), house.tail()
        house.kill()
    house.start(PYTHONPATH=EVIL)
    expected = WELL | {b"hang.png": "crashes the decoder"}
    assert until(lambda: verdicts(house) == expected), (verdicts(house), house.tail())


@pytest.mark.timeout(300)
def test_a_hanging_worker_ends_with_its_killed_service(house: Household) -> None:
    settings = house.config_path.read_text("utf-8").replace("seconds = 2.0", "seconds = 600.0")
    house.config_path.write_text(settings, "utf-8")
    furnish(house, b"hang.png")
    house.start(ready=False, PYTHONPATH=EVIL)
    assert until(partial(in_hand, house, b"hang.png")), house.tail()
    assert house.service is not None
    processes = descendants(house.service.pid)
    assert len(processes) >= 3  # the forkserver, its tracker, a worker
    house.kill()
    assert until(lambda: not any(is_alive(pid) for pid in processes)), [pid for pid in processes if is_alive(pid)]


def descendants(pid: int) -> set[int]:
    """Return the ids of all descendants of a process."""
    children = {int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in _children(task)}
    return children.union(*(descendants(child) for child in children))


def _children(task: Path) -> list[str]:
    return (task / "children").read_text().split()


def is_alive(pid: int) -> bool:
    """Return whether a process exists and is not a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def struck(house: Household, name: bytes, strikes: int) -> bool:
    """Return whether a file has at least this many strikes."""
    return bool(row(house, name) and row(house, name)[0][1] >= strikes)


def in_hand(house: Household, name: bytes) -> bool:
    """Return whether a worker is reading the file."""
    found = row(house, name)
    data = (house.state / "in-hand").read_bytes() if found else b""
    return bool(found) and found[0][0] in [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]


def row(house: Household, name: bytes) -> list[tuple[int, int]]:
    """Return id and strikes of a file; an empty list while it is not in the catalog."""
    try:
        return [(id_, strikes) for id_, strikes in house.rows("SELECT id, attempts FROM file WHERE name = ?", name)]
    except CatalogError:
        return []
