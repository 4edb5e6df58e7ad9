"""A scan that misses too many files: none is declared gone until they are back or their owner accepts the loss."""

import os
import shutil
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from daemon.scan.scheduler import Scanner
from daemon.writer import Writer
from tests.support.mounts import mounted
from tests.support.running_service import Household, picture, until

FILES = 30  # in the folder that vanishes
LEFT = 10  # in the folder that stays
SETTINGS = "[intake]\nworkers = 2\n"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    """Yield a catalog with two folders, all files read."""
    made = Household(tmp_path, SETTINGS)
    for folder, first, count in ((b"lost", 0, FILES), (b"left", 100, LEFT)):
        os.mkdir(os.path.join(made.root, folder))
        for seed in range(first, first + count):
            Path(os.fsdecode(made.root), os.fsdecode(folder), f"{seed}.png").write_bytes(picture(seed))
    assert made.once().returncode == 0, made.tail()
    yield made
    made.close()


def at(house: Household, name: bytes) -> bytes:
    return os.path.join(house.root, name)


def take_away(house: Household, name: bytes = b"lost") -> bytes:
    """Move a folder out of the root; return its new path."""
    goal = os.fsencode(house.folder) + b"/elsewhere"
    os.rename(at(house, name), goal)
    return goal


def counts(house: Household) -> dict[str, int]:
    return Counter(state for state, _, _ in house.states().values())


def readings(house: Household) -> list[tuple[object, ...]]:
    """Return what every read and every embedding changes."""
    return house.rows("SELECT id, content, last_verified FROM file ORDER BY id") + house.rows(
        "SELECT id, content, seq FROM vector ORDER BY id"
    )


def ask(house: Household, *words: str | bytes) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("catalog")), *words, "--config", str(house.config_path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def held(house: Household) -> None:
    """Assert that a pass holds the volume and says what to do."""
    done = house.once()
    assert done.returncode == 4, done.stderr
    assert f"is held (a scan missed {FILES} of {FILES + LEFT} files)" in done.stderr
    assert "`catalog init`" in done.stderr
    assert counts(house) == {"unreachable": FILES + LEFT}


@pytest.mark.timeout(300)
def test_files_that_come_back_are_recognised_and_not_computed_again(house: Household) -> None:
    before = readings(house)
    away = take_away(house)
    held(house)
    said = ask(house, "status")
    assert f"is held: a scan missed {FILES} of {FILES + LEFT} files" in said.stdout
    assert "Bring the files back" in said.stdout
    assert f"is held: a scan missed {FILES}" in ask(house, "doctor").stdout
    held(house)  # the next pass looks again, and finds no more
    os.rename(away, at(house, b"lost"))
    done = house.once()
    assert done.returncode == 0, done.stderr
    assert counts(house) == {"ok": FILES + LEFT}
    assert readings(house) == before
    assert house.findings() == []


@pytest.mark.timeout(300)
def test_an_accepted_loss_does_not_cover_a_later_one(house: Household) -> None:
    away = take_away(house)
    held(house)
    done = ask(house, "init", house.root)
    assert done.returncode == 0, done.stderr
    assert f"the next scan marks {FILES} missing files" in done.stderr
    done = house.once()
    assert done.returncode == 0, done.stderr
    assert counts(house) == {"gone": FILES, "ok": LEFT}
    assert house.findings() == []
    # The acceptance is used up, and what it let go is no mark against later losses.
    assert house.rows("SELECT missed, known, accepted FROM volume") == [(None, None, None)]
    os.unlink(at(house, b"left/100.png"))
    assert house.once().returncode == 0
    assert counts(house) == {"gone": FILES + 1, "ok": LEFT - 1}
    shutil.copytree(away, at(house, b"lost"))
    assert house.once().returncode == 0
    assert counts(house) == {"gone": 1, "ok": FILES + LEFT - 1}
    shutil.rmtree(at(house, b"lost"))
    assert house.once().returncode == 4


@pytest.mark.timeout(300)
def test_a_renamed_tree_is_no_loss(house: Household) -> None:
    """Every path on the volume changes. Damaged files are not followed by their inode, and count as well."""
    for seed in range(200, 200 + FILES):
        Path(os.fsdecode(at(house, b"lost")), f"{seed}.png").write_bytes(picture(seed)[:90])
    assert house.once().returncode == 0
    vectors = house.vectors()
    os.rename(at(house, b"lost"), at(house, b"found"))
    os.rename(at(house, b"left"), at(house, b"right"))
    done = house.once()
    assert done.returncode == 0, done.stderr
    states = Counter(
        state for path, (state, _, _) in house.states().items() if b"/found/" in path or b"/right/" in path
    )
    assert states == {"ok": FILES + LEFT, "rejected": FILES}
    assert house.vectors() == vectors
    assert house.findings() == []


@pytest.mark.timeout(300)
def test_the_service_holds_a_volume_keeps_scanning_and_releases_it(house: Household) -> None:
    before = readings(house)
    text = house.config_path.read_text("utf-8")
    house.config_path.write_text(text.replace("[watch]\n", "[watch]\nremote_scan_minutes = 0.02\n"), "utf-8")
    away = take_away(house)
    house.start()
    assert until(lambda: counts(house) == {"unreachable": FILES + LEFT}), (counts(house), house.tail())
    # New files wait until the volume is released, and a deletion reported now proves nothing either.
    Path(os.fsdecode(at(house, b"left")), "new.png").write_bytes(picture(500))
    os.unlink(at(house, b"left/109.png"))
    assert until(lambda: counts(house) == {"unreachable": FILES + LEFT + 1}), (counts(house), house.tail())
    os.rename(away, at(house, b"lost"))
    done = {"ok": FILES + LEFT, "gone": 1}
    assert until(lambda: counts(house) == done and not house.busy()), (counts(house), house.tail())
    assert len(set(before) - set(readings(house))) == 1  # the vector that ended with its file
    assert house.findings() == []
    assert house.stop() == 0


@pytest.mark.timeout(300)
def test_the_owner_accepts_while_the_service_runs(house: Household) -> None:
    take_away(house)
    house.start()
    assert until(lambda: counts(house) == {"unreachable": FILES + LEFT}), house.tail()
    assert ask(house, "init", house.root).returncode == 0
    assert until(lambda: counts(house) == {"ok": LEFT, "gone": FILES}), (counts(house), house.tail())
    assert until(lambda: not house.busy() and not house.findings())


@pytest.mark.timeout(300)
def test_a_folder_swapped_by_a_bind_mount_over_the_root(house: Household) -> None:
    """The filesystem and the marker are the same: only the limit on missing files can tell."""
    before = readings(house)
    other = os.fsencode(house.folder) + b"/other"
    os.mkdir(other)
    shutil.copy(at(house, b".catalogd-root"), other)
    with mounted(house.root, "--bind", other):
        done = house.once()
        assert done.returncode == 4, done.stderr
        assert f"a scan missed {FILES + LEFT} of {FILES + LEFT} files" in done.stderr
        assert counts(house) == {"unreachable": FILES + LEFT}
    assert house.once().returncode == 0
    assert counts(house) == {"ok": FILES + LEFT}
    assert readings(house) == before


@pytest.mark.timeout(300)
def test_the_percentage_excludes_files_of_other_mounts(house: Household) -> None:
    """A mount inside the root has files of its own: its absence neither holds the root nor hides a loss."""
    disk = os.fsencode(house.folder) + b"/disk"
    os.mkdir(disk)
    for seed in range(300, 300 + 2 * FILES):
        Path(os.fsdecode(disk), f"{seed}.png").write_bytes(picture(seed))
    os.mkdir(at(house, b"mount"))
    with mounted(at(house, b"mount"), "--bind", disk):
        assert house.once().returncode == 0
        assert counts(house) == {"ok": 3 * FILES + LEFT}
    done = house.once()
    assert done.returncode == 4
    assert "not mounted" in done.stderr
    assert counts(house) == {"unreachable": 2 * FILES, "ok": FILES + LEFT}
    take_away(house)
    done = house.once()
    assert f"a scan missed {FILES} of {FILES + LEFT} files" in done.stderr
    assert counts(house) == {"unreachable": 3 * FILES + LEFT}


@pytest.mark.timeout(300)
def test_a_repair_declares_no_files_gone_that_a_scan_would_not(house: Household) -> None:
    away = take_away(house)
    done = ask(house, "check", "--fix")
    assert "is held" in done.stdout + done.stderr
    assert counts(house) == {"unreachable": FILES + LEFT}
    os.rename(away, at(house, b"lost"))
    assert house.once().returncode == 0
    assert counts(house) == {"ok": FILES + LEFT}


@pytest.mark.timeout(300)
def test_many_small_scans_that_together_miss_too_many_files(house: Household) -> None:
    """Each folder alone is a small loss. Scanned one by one, as after a storm of hints, they add up."""
    for number in range(3):
        os.mkdir(at(house, b"part%d" % number))
        for seed in range(1000 * number, 1000 * number + FILES):
            Path(os.fsdecode(at(house, b"part%d" % number)), f"{seed}.png").write_bytes(picture(1000 + seed))
    assert house.once().returncode == 0
    writer = Writer(house.config.database)
    thread = threading.Thread(target=writer.run)
    thread.start()
    scanner = Scanner(house.config, writer, once=False)
    scanner.step()
    gone = []
    for number in range(3):
        shutil.rmtree(at(house, b"part%d" % number))
        scanner.request(at(house, b"part%d" % number), "a hint")
        scanner.step()
        gone.append(house.rows("SELECT count(*) FROM file WHERE state = 'gone'")[0][0])
    writer.stop()
    thread.join()
    assert gone == [FILES, 2 * FILES, 2 * FILES]  # of 130 files: 23 %, 46 %, and no more
    assert counts(house)["unreachable"] == 2 * FILES + LEFT
