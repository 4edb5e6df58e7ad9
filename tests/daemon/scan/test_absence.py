"""Disks that go away, come back, are swapped, or fail midway or for single files: real mounts and a real FUSE."""

import os
import shutil
import signal
import subprocess
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import apsw
import pytest

from tests.support.fuse import view
from tests.support.mounts import mounted, unmount
from tests.support.running_service import Household, picture, until

FILES = 30
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    """Yield a disk with a marked collection, not mounted yet; remote volumes are scanned often."""
    made = Household(tmp_path, "[intake]\nworkers = 2\n")
    text = made.config_path.read_text("utf-8")
    made.config_path.write_text(text.replace("[watch]\n", "[watch]\nremote_scan_minutes = 0.02\n"), "utf-8")
    os.rename(made.root, disk(made))
    os.mkdir(made.root)
    for folder, first in ((b"a", 0), (b"b", FILES)):
        os.mkdir(os.path.join(disk(made), folder))
        for seed in range(first, first + FILES):
            Path(os.fsdecode(disk(made)), os.fsdecode(folder), f"{seed}.png").write_bytes(picture(seed))
    yield made
    made.close()


def disk(house: Household) -> bytes:
    return os.fsencode(house.folder) + b"/disk"


def counts(house: Household) -> dict[str, int]:
    return Counter(state for state, _, _ in house.states().values())


def readings(house: Household) -> list[tuple[object, ...]]:
    """Return what every read and every embedding changes."""
    return house.rows("SELECT id, content, last_verified FROM file ORDER BY id") + house.rows(
        "SELECT id, content, seq FROM vector ORDER BY id"
    )


def settles(house: Household, expected: dict[str, int]) -> None:
    """Assert that the running service settles with these states."""
    assert until(lambda: counts(house) == expected and not house.busy()), (counts(house), house.busy(), house.tail())


def passes(house: Household, code: int, expected: dict[str, int], word: str = "") -> None:
    """Assert that one pass ends with this exit code and these states."""
    done = house.once()
    assert done.returncode == code, done.stderr
    assert word in done.stderr
    assert counts(house) == expected


ALL, AWAY = {"ok": 2 * FILES}, {"unreachable": 2 * FILES}


# -- disks that are mounted or not


def test_files_of_an_unmounted_root_are_kept(house: Household) -> None:
    with mounted(house.root, "--bind", disk(house)):
        passes(house, 0, ALL)
        before = readings(house)
    passes(house, 4, AWAY, "its marker .catalogd-root is missing")
    with mounted(house.root, "--bind", disk(house)):
        passes(house, 0, ALL)
        assert readings(house) == before
        assert house.findings() == []


def test_an_empty_filesystem_over_the_root_of_a_running_service(house: Household) -> None:
    with mounted(house.root, "--bind", disk(house)):
        house.start()
        settles(house, ALL)
        before = readings(house)
        with mounted(house.root, "-t", "tmpfs", "none"):
            settles(house, AWAY)
            os.unlink(os.path.join(disk(house), b"a/0.png"))  # the watches still hear it: it proves nothing now
            Path(os.fsdecode(house.root), "stray.png").write_bytes(picture(99))  # of another disk
            assert not until(lambda: counts(house) != AWAY, 3)
        settles(house, {"ok": 2 * FILES - 1, "gone": 1})
        assert len(set(before) - set(readings(house))) == 1  # the vector of the one that was deleted
        assert until(lambda: house.findings() == [])
        assert house.stop() == 0


def test_a_mount_inside_the_root_goes_and_comes_back(house: Household) -> None:
    inner, inside = os.path.join(disk(house), b"inner"), os.path.join(house.root, b"inner")
    os.mkdir(inner)
    with mounted(house.root, "--bind", disk(house)), mounted(inside, "-t", "tmpfs", "none"):
        for seed in range(100, 100 + FILES):
            Path(os.fsdecode(inside), f"{seed}.png").write_bytes(picture(seed))
        shelter = os.fsencode(house.folder) + b"/shelter"
        os.mkdir(shelter)
        house.start()
        settles(house, {"ok": 3 * FILES})
        before = readings(house)
        with mounted(shelter, "--bind", inside):  # keeps the filesystem alive while it is away
            unmount(inside)
            settles(house, ALL | {"unreachable": FILES})
            with mounted(inside, "-t", "tmpfs", "none"):  # an empty one in its place
                assert not until(lambda: counts(house) != ALL | {"unreachable": FILES}, 3)
            with mounted(inside, "--bind", shelter):
                settles(house, {"ok": 3 * FILES})
                assert readings(house) == before
                assert until(lambda: house.findings() == [])
                assert house.stop() == 0


def test_another_collection_is_mounted_over_the_root(house: Household) -> None:
    other = os.fsencode(house.folder) + b"/other"
    shutil.copytree(disk(house), other)
    Path(os.fsdecode(other), ".catalogd-root").write_text("another\n")
    shutil.rmtree(os.path.join(other, b"a"))
    with mounted(house.root, "--bind", disk(house)):
        passes(house, 0, ALL)
        before = readings(house)
        with mounted(house.root, "--bind", other):
            # Half of it is not half of a sample of the files, so it is another collection and no copy of ours.
            for name in os.listdir(os.path.join(other, b"b")):
                os.utime(os.path.join(other, b"b", name))
            passes(house, 4, AWAY, "another collection is mounted there")
        passes(house, 0, ALL)
        assert readings(house) == before


# -- a network filesystem


class Share:
    """The disk as a FUSE filesystem at the root; a file lists its faults."""

    def __init__(self, house: Household, server: "subprocess.Popen[bytes]") -> None:
        self.server = server
        self.control = house.folder / "control"

    def say(self, *words: str) -> None:
        self.control.write_text("".join(f"{word}\n" for word in words))

    def opened(self) -> list[str]:
        """Return every path opened since the last call."""
        log = Path(f"{self.control}.opened")
        found = log.read_text().splitlines() if log.exists() else []
        log.write_text("")
        return [os.path.basename(line) for line in found if not line.endswith(".catalogd-root")]

    def die(self) -> None:
        self.server.kill()
        self.server.wait()


@contextmanager
def share(house: Household) -> Iterator[Share]:
    if os.geteuid() or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("this user may not mount a FUSE filesystem")
    server = view(disk(house), house.root, house.folder / "control")
    try:
        process = server.__enter__()
    except OSError as error:
        pytest.skip(str(error))
    try:
        yield Share(house, process)
    finally:
        server.__exit__(None, None, None)


def test_a_share_that_lists_half_of_its_files(house: Household) -> None:
    """A pool that lost a member keeps its marker and identity. When it comes back, no file is opened."""
    with share(house) as disk_:
        house.start()
        settles(house, ALL)
        assert len(disk_.opened()) == 2 * FILES
        before = readings(house)
        disk_.say("hide a", *(f"hide {seed}.png" for seed in range(FILES, FILES + 5)))
        settles(house, AWAY)
        (volume,) = house.rows("SELECT missed, known FROM volume")
        assert volume == (FILES + 5, 2 * FILES)
        disk_.say()
        settles(house, ALL)
        assert disk_.opened() == []
        assert readings(house) == before
        assert house.stop() == 0


def test_known_files_due_for_reading_do_not_count_as_gone_when_not_found(house: Household) -> None:
    """As after a chmod of everything: the readers are faster than the scan and do not know the volume as a whole."""
    with share(house) as disk_:
        passes(house, 0, ALL)
        vectors = house.vectors()
        disk_.say("hide a", *(f"hide {seed}.png" for seed in range(FILES, FILES + 5)))
        connection = apsw.Connection(str(house.config.database))
        connection.execute("UPDATE file SET state = 'pending', due = 1.0")
        connection.close()
        passes(house, 4, AWAY, "is held")
        assert house.rows("SELECT count(*) FROM file WHERE state = 'gone'") == [(0,)]
        disk_.say()
        connection = apsw.Connection(str(house.config.database))
        connection.execute("UPDATE file SET due = 1.0 WHERE state = 'pending'")  # the minute until the next try
        connection.close()
        passes(house, 0, ALL)
        assert house.vectors() == vectors


def test_a_share_that_fails_during_a_scan(house: Household) -> None:
    with share(house) as disk_:
        passes(house, 0, ALL)
        assert len(disk_.opened()) == 2 * FILES
        before = readings(house)
        disk_.say("stall b")
        result = []
        scan = threading.Thread(target=lambda: result.append(house.once()))
        scan.start()
        threading.Event().wait(3)  # a scan that has not come to the directory yet finds it dead: the same has to hold
        disk_.die()
        scan.join()
        assert result[0].returncode == 4, result[0].stderr
        assert counts(house) == AWAY
        assert house.rows("SELECT path FROM volume WHERE kind = 'blocked'") == []
        disk_.say()
    with share(house) as disk_:
        passes(house, 0, ALL)
        assert readings(house) == before
        assert disk_.opened() == []
        assert house.findings() == []


def test_a_share_that_fails_while_the_service_runs(house: Household) -> None:
    with share(house) as disk_:
        house.start()
        settles(house, ALL)
        assert len(disk_.opened()) == 2 * FILES
        before = readings(house)
        disk_.die()
        settles(house, AWAY)
    with share(house) as disk_:
        settles(house, ALL)
        assert readings(house) == before
        assert disk_.opened() == []
        assert house.stop() == 0


def test_files_that_the_disk_cannot_read_are_tried_again_until_they_can_be_read(house: Household) -> None:
    with share(house) as disk_:
        disk_.say("eio 3.png", "sick 4.png")
        house.start()
        settles(house, {"ok": 2 * FILES - 2, "rejected": 2})
        ill = {os.path.basename(path): reason for path, (state, _, reason) in house.states().items() if state != "ok"}
        assert ill == {b"3.png": "unreadable", b"4.png": "unreadable"}
        assert house.rows("SELECT count(*) FROM file WHERE state = 'rejected' AND due IS NOT NULL") == [(2,)]
        disk_.say()
        settles(house, ALL)
        # A known one falls ill: it keeps its content, and only it is read again.
        vectors = house.vectors()
        disk_.opened()
        disk_.say("sick 5.png")
        settles(house, {"ok": 2 * FILES - 1, "rejected": 1})
        ((content,),) = house.rows("SELECT content FROM file WHERE state = 'rejected'")
        assert content is not None
        disk_.say()
        settles(house, ALL)
        assert set(disk_.opened()) == {"5.png"}
        assert house.vectors() == vectors
        assert house.findings() == []
        house.signal(signal.SIGTERM)
