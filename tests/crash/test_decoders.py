"""A decoder that crashes, hangs or exhausts memory costs one file, never the service."""

import os
from functools import partial
from pathlib import Path

import pytest

from catalog.errors import CatalogError
from tests.support.running_service import RunningService, picture
from tests.support.waiting import wait_until

EVIL = str(Path(__file__).parents[1] / "injected" / "broken_decoder")
FATES = {
    b"segv.png": "crashes the decoder",
    b"hang.png": "takes too long",
    b"hog.png": "needs too much memory",
}


def add_images(service: RunningService, *evil: bytes) -> None:
    """Healthy files, and files whose names make the decoder fail."""
    for seed, name in enumerate((b"a.png", b"b.png", b"c.png", *evil)):
        with open(os.path.join(service.root, name), "wb") as file:
            file.write(picture(seed))


def verdicts(service: RunningService) -> dict[bytes, str | None]:
    """Return the reject reasons by name; None for a healthy file."""
    return {
        os.path.basename(path): None if state == "ok" else reason or state
        for path, (state, _, reason) in service.states().items()
    }


WELL: dict[bytes, str | None] = {b"a.png": None, b"b.png": None, b"c.png": None}


@pytest.mark.timeout(300)
def test_a_pass_rejects_each_bad_file_with_its_reason_and_reads_all_others(service: RunningService) -> None:
    add_images(service, *FATES)
    done = service.once(PYTHONPATH=EVIL)
    assert done.returncode == 0, done.stderr
    assert verdicts(service) == WELL | FATES
    assert service.findings() == []
    assert done.stderr.count("worker_died") == 6  # three strikes each for the crash and for the hang


@pytest.mark.timeout(300)
def test_the_service_survives(service: RunningService) -> None:
    service.start(PYTHONPATH=EVIL)
    add_images(service, *FATES)
    assert wait_until(lambda: verdicts(service) == WELL | FATES), (verdicts(service), service.tail())
    assert service.alive
    with open(os.path.join(service.root, b"later.png"), "wb") as file:
        file.write(picture(9))
    assert wait_until(lambda: verdicts(service).get(b"later.png", "") is None), service.tail()
    assert service.stop() == 0


@pytest.mark.timeout(300)
def test_strikes_survive_a_restart_of_the_service(service: RunningService) -> None:
    add_images(service, b"segv.png")
    for strikes in (1, 2):
        service.start(ready=False, PYTHONPATH=EVIL)
        assert wait_until(partial(struck, service, b"segv.png", strikes)), service.tail()
        service.kill()
    # A death is logged before it is committed, so a kill may leave one in the log that is no strike yet.
    before = service.tail(1000).count("worker_died")
    service.start(PYTHONPATH=EVIL)
    assert wait_until(lambda: verdicts(service)[b"segv.png"] == "crashes the decoder"), (
        verdicts(service),
        service.tail(),
    )
    assert service.tail(1000).count("worker_died") - before <= 1


@pytest.mark.timeout(300)
def test_a_file_that_kills_the_service_is_given_up(service: RunningService) -> None:
    """The service dies while a worker reads the file, as when the kernel runs out of memory."""
    settings = service.config_path.read_text("utf-8").replace("seconds = 2.0", "seconds = 600.0")
    service.config_path.write_text(settings, "utf-8")
    add_images(service, b"hang.png")
    for strikes in range(3):
        service.start(ready=False, PYTHONPATH=EVIL)
        assert wait_until(partial(struck, service, b"hang.png", strikes)), service.tail()
        assert wait_until(partial(in_hand, service, b"hang.png")), service.tail()
        service.kill()
    service.start(PYTHONPATH=EVIL)
    expected = WELL | {b"hang.png": "crashes the decoder"}
    assert wait_until(lambda: verdicts(service) == expected), (verdicts(service), service.tail())


@pytest.mark.timeout(300)
def test_a_hanging_worker_ends_with_its_killed_service(service: RunningService) -> None:
    settings = service.config_path.read_text("utf-8").replace("seconds = 2.0", "seconds = 600.0")
    service.config_path.write_text(settings, "utf-8")
    add_images(service, b"hang.png")
    service.start(ready=False, PYTHONPATH=EVIL)
    assert wait_until(partial(in_hand, service, b"hang.png")), service.tail()
    assert service.process is not None
    processes = descendants(service.process.pid)
    assert len(processes) >= 3  # the forkserver, its tracker, a worker
    service.kill()
    assert wait_until(lambda: not any(is_alive(pid) for pid in processes)), [pid for pid in processes if is_alive(pid)]


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


def struck(service: RunningService, name: bytes, strikes: int) -> bool:
    """Return whether a file has at least this many strikes."""
    return bool(row(service, name) and row(service, name)[0][1] >= strikes)


def in_hand(service: RunningService, name: bytes) -> bool:
    """Return whether a worker is reading the file."""
    found = row(service, name)
    data = (service.state / "in-hand").read_bytes() if found else b""
    return bool(found) and found[0][0] in [int.from_bytes(data[at : at + 8], "little") for at in range(0, len(data), 8)]


def row(service: RunningService, name: bytes) -> list[tuple[int, int]]:
    """Return id and strikes of a file; an empty list while it is not in the catalog."""
    try:
        return [(id_, strikes) for id_, strikes in service.rows("SELECT id, attempts FROM file WHERE name = ?", name)]
    except CatalogError:
        return []
