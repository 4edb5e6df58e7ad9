"""A scan that misses too many files: none is declared gone until they are back or their owner accepts the loss."""

import os
import shutil
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.scan.scheduler import Scanner
from daemon.writer import Writer
from tests.support.mounts import mounted
from tests.support.running_service import RunningService, picture
from tests.support.waiting import wait_until

FILES = 30  # in the folder that vanishes
LEFT = 10  # in the folder that stays
SETTINGS = "[intake]\nworkers = 2\n"


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """Yield a catalog with two folders, all files read."""
    made = RunningService(tmp_path, SETTINGS)
    for folder, first, count in ((b"lost", 0, FILES), (b"left", 100, LEFT)):
        os.mkdir(os.path.join(made.root, folder))
        for seed in range(first, first + count):
            Path(os.fsdecode(made.root), os.fsdecode(folder), f"{seed}.png").write_bytes(picture(seed))
    assert made.once().returncode == 0, made.tail()
    yield made
    made.close()


def at(service: RunningService, name: bytes) -> bytes:
    return os.path.join(service.root, name)


def take_away(service: RunningService, name: bytes = b"lost") -> bytes:
    """Move a folder out of the root; return its new path."""
    goal = os.fsencode(service.folder) + b"/elsewhere"
    os.rename(at(service, name), goal)
    return goal


def counts(service: RunningService) -> dict[str, int]:
    return Counter(state for state, _, _ in service.states().values())


def readings(service: RunningService) -> list[tuple[object, ...]]:
    """Return what every read and every embedding changes."""
    return service.rows("SELECT id, content, last_verified FROM file ORDER BY id") + service.rows(
        "SELECT id, content, seq FROM vector ORDER BY id"
    )


def held(service: RunningService) -> None:
    """Assert that a pass holds the volume and says what to do."""
    done = service.once()
    assert done.returncode == 4, done.stderr
    assert f"is held (a scan missed {FILES} of {FILES + LEFT} files)" in done.stderr
    assert "`catalog init`" in done.stderr
    assert counts(service) == {"unreachable": FILES + LEFT}


@pytest.mark.timeout(300)
def test_files_that_come_back_are_recognised_and_not_computed_again(service: RunningService) -> None:
    before = readings(service)
    away = take_away(service)
    held(service)
    said = service.catalog("status")
    assert f"is held: a scan missed {FILES} of {FILES + LEFT} files" in said.stdout
    assert "Bring the files back" in said.stdout
    assert f"is held: a scan missed {FILES}" in service.catalog("doctor").stdout
    held(service)  # the next pass looks again, and finds no more
    os.rename(away, at(service, b"lost"))
    done = service.once()
    assert done.returncode == 0, done.stderr
    assert counts(service) == {"ok": FILES + LEFT}
    assert readings(service) == before
    assert service.findings() == []


@pytest.mark.timeout(300)
def test_an_accepted_loss_does_not_cover_a_later_one(service: RunningService) -> None:
    away = take_away(service)
    held(service)
    done = service.catalog("init", service.root)
    assert done.returncode == 0, done.stderr
    assert f"the next scan marks {FILES} missing files" in done.stderr
    done = service.once()
    assert done.returncode == 0, done.stderr
    assert counts(service) == {"gone": FILES, "ok": LEFT}
    assert service.findings() == []
    # The acceptance is used up, and what it let go is no mark against later losses.
    assert service.rows("SELECT missed, known, accepted FROM volume") == [(None, None, None)]
    os.unlink(at(service, b"left/100.png"))
    assert service.once().returncode == 0
    assert counts(service) == {"gone": FILES + 1, "ok": LEFT - 1}
    shutil.copytree(away, at(service, b"lost"))
    assert service.once().returncode == 0
    assert counts(service) == {"gone": 1, "ok": FILES + LEFT - 1}
    shutil.rmtree(at(service, b"lost"))
    assert service.once().returncode == 4


@pytest.mark.timeout(300)
def test_a_renamed_tree_is_no_loss(service: RunningService) -> None:
    """Every path on the volume changes. Damaged files are not followed by their inode, and count as well."""
    for seed in range(200, 200 + FILES):
        Path(os.fsdecode(at(service, b"lost")), f"{seed}.png").write_bytes(picture(seed)[:90])
    assert service.once().returncode == 0
    vectors = service.vectors()
    os.rename(at(service, b"lost"), at(service, b"found"))
    os.rename(at(service, b"left"), at(service, b"right"))
    done = service.once()
    assert done.returncode == 0, done.stderr
    states = Counter(
        state for path, (state, _, _) in service.states().items() if b"/found/" in path or b"/right/" in path
    )
    assert states == {"ok": FILES + LEFT, "rejected": FILES}
    assert service.vectors() == vectors
    assert service.findings() == []


@pytest.mark.timeout(300)
def test_the_service_holds_a_volume_keeps_scanning_and_releases_it(service: RunningService) -> None:
    before = readings(service)
    text = service.config_path.read_text("utf-8")
    service.config_path.write_text(text.replace("[watch]\n", "[watch]\nremote_scan_minutes = 0.02\n"), "utf-8")
    away = take_away(service)
    service.start()
    assert wait_until(lambda: counts(service) == {"unreachable": FILES + LEFT}), (counts(service), service.tail())
    # New files wait until the volume is released, and a deletion reported now proves nothing either.
    Path(os.fsdecode(at(service, b"left")), "new.png").write_bytes(picture(500))
    os.unlink(at(service, b"left/109.png"))
    assert wait_until(lambda: counts(service) == {"unreachable": FILES + LEFT + 1}), (counts(service), service.tail())
    os.rename(away, at(service, b"lost"))
    done = {"ok": FILES + LEFT, "gone": 1}
    assert wait_until(lambda: counts(service) == done and not service.busy()), (counts(service), service.tail())
    assert len(set(before) - set(readings(service))) == 1  # the vector that ended with its file
    assert service.findings() == []
    assert service.stop() == 0


@pytest.mark.timeout(300)
def test_the_owner_accepts_while_the_service_runs(service: RunningService) -> None:
    take_away(service)
    service.start()
    assert wait_until(lambda: counts(service) == {"unreachable": FILES + LEFT}), service.tail()
    assert service.catalog("init", service.root).returncode == 0
    assert wait_until(lambda: counts(service) == {"ok": LEFT, "gone": FILES}), (counts(service), service.tail())
    assert wait_until(lambda: not service.busy() and not service.findings())


@pytest.mark.timeout(300)
def test_a_folder_swapped_by_a_bind_mount_over_the_root(service: RunningService) -> None:
    """The filesystem and the marker are the same: only the limit on missing files can tell."""
    before = readings(service)
    other = os.fsencode(service.folder) + b"/other"
    os.mkdir(other)
    shutil.copy(at(service, b".catalogd-root"), other)
    with mounted(service.root, "--bind", other):
        done = service.once()
        assert done.returncode == 4, done.stderr
        assert f"a scan missed {FILES + LEFT} of {FILES + LEFT} files" in done.stderr
        assert counts(service) == {"unreachable": FILES + LEFT}
    assert service.once().returncode == 0
    assert counts(service) == {"ok": FILES + LEFT}
    assert readings(service) == before


@pytest.mark.timeout(300)
def test_the_percentage_excludes_files_of_other_mounts(service: RunningService) -> None:
    """A mount inside the root has files of its own: its absence neither holds the root nor hides a loss."""
    disk = os.fsencode(service.folder) + b"/disk"
    os.mkdir(disk)
    for seed in range(300, 300 + 2 * FILES):
        Path(os.fsdecode(disk), f"{seed}.png").write_bytes(picture(seed))
    os.mkdir(at(service, b"mount"))
    with mounted(at(service, b"mount"), "--bind", disk):
        assert service.once().returncode == 0
        assert counts(service) == {"ok": 3 * FILES + LEFT}
    done = service.once()
    assert done.returncode == 4
    assert "not mounted" in done.stderr
    assert counts(service) == {"unreachable": 2 * FILES, "ok": FILES + LEFT}
    take_away(service)
    done = service.once()
    assert f"a scan missed {FILES} of {FILES + LEFT} files" in done.stderr
    assert counts(service) == {"unreachable": 3 * FILES + LEFT}


@pytest.mark.timeout(300)
def test_a_repair_declares_no_files_gone_that_a_scan_would_not(service: RunningService) -> None:
    away = take_away(service)
    done = service.catalog("check", "--fix")
    assert "is held" in done.stdout + done.stderr
    assert counts(service) == {"unreachable": FILES + LEFT}
    os.rename(away, at(service, b"lost"))
    assert service.once().returncode == 0
    assert counts(service) == {"ok": FILES + LEFT}


@pytest.mark.timeout(300)
def test_many_small_scans_that_together_miss_too_many_files(service: RunningService) -> None:
    """Each folder alone is a small loss. Scanned one by one, as after a storm of hints, they add up."""
    for number in range(3):
        os.mkdir(at(service, b"part%d" % number))
        for seed in range(1000 * number, 1000 * number + FILES):
            Path(os.fsdecode(at(service, b"part%d" % number)), f"{seed}.png").write_bytes(picture(1000 + seed))
    assert service.once().returncode == 0
    writer = Writer(service.config.database)
    thread = threading.Thread(target=writer.run)
    thread.start()
    scanner = Scanner(service.config, writer, once=False)
    scanner.step()
    gone = []
    for number in range(3):
        shutil.rmtree(at(service, b"part%d" % number))
        scanner.request(at(service, b"part%d" % number), "a hint")
        scanner.step()
        gone.append(service.rows("SELECT count(*) FROM file WHERE state = 'gone'")[0][0])
    writer.stop()
    thread.join()
    assert gone == [FILES, 2 * FILES, 2 * FILES]  # of 130 files: 23 %, 46 %, and no more
    assert counts(service)["unreachable"] == 2 * FILES + LEFT
