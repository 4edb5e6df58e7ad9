"""Times and inodes that do not fit into 64 signed bits: on a real tmpfs, on ext4, and through FUSE."""

import json
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from catalog.files.mass_deletion import missed_files
from catalog.filesystem.volume_identity import write_marker
from catalog.store.volumes import all_volumes, sample_matches
from tests.support.catalog_on_disk import Shelf
from tests.support.fuse import view
from tests.support.mounts import mounted
from tests.support.running_service import Household, picture, until
from tests.support.scrub_service import catalog, path, rot, scrub, states

pytestmark = pytest.mark.timeout(300)
S = 10**9
WRAP = 1 << 64
EMPTY, LAST = -11_644_473_600 * S, 15_032_385_535 * S  # 1601 (Windows, Samba), 2446 (ext4)
# tmpfs keeps all 64 bits of seconds; its first and last one without a fraction (timestamp_truncate of the kernel).
DATES = {
    "1601": EMPTY,
    "1677 before": -(1 << 63) - 1,
    "1677": -(1 << 63),
    "2262": (1 << 63) - 1,
    "2262 after": 1 << 63,
    "2446": LAST + 999_999_999,
    "10000": 253_402_300_800 * S,
    "first": -(1 << 63) * S,
    "last": ((1 << 63) - 1) * S,
}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[Household]:
    made = Household(tmp_path)
    yield made
    made.close()


@contextmanager
def disk(house: Household, *how: str | bytes) -> Iterator[None]:
    """Mount another filesystem at the root; the service ends before it is unmounted."""
    with ExitStack() as stack:
        stack.enter_context(mounted(house.root, *(how or ("-t", "tmpfs", "none"))))
        stack.callback(house.close)
        write_marker(house.root)
        yield


def put(house: Household, name: str, seed: int, mtime_ns: int | None = None) -> Path:
    path(house, name).write_bytes(picture(seed))
    if mtime_ns is not None:
        date(house, name, mtime_ns)
    return path(house, name)


def date(house: Household, name: str, mtime_ns: int) -> None:
    os.utime(path(house, name), ns=(0, mtime_ns))
    if path(house, name).stat().st_mtime_ns != mtime_ns:
        pytest.skip(f"this filesystem keeps no date of {mtime_ns} ns")


def reads(house: Household) -> dict[str, float]:
    """Return when each file was last read."""
    return {os.fsdecode(name): at for name, at in house.rows("SELECT name, last_verified FROM file")}


def well(house: Household) -> dict[str, float]:
    """Run one pass without findings; return when each file was read."""
    done = house.once()
    assert done.returncode == 0, done.stderr
    assert set(states(house).values()) == {"ok"}, states(house)
    assert house.findings() == []
    return reads(house)


def test_files_of_every_date_are_read_once_and_again_when_it_changes(house: Household) -> None:
    with disk(house):
        for seed, (name, mtime_ns) in enumerate(DATES.items()):
            put(house, name, seed, mtime_ns)
        first = well(house)
        assert first.keys() == DATES.keys()
        assert well(house) == first
        date(house, "1601", LAST)
        date(house, "last", EMPTY)
        again = well(house)
        assert {name for name in first if again[name] != first[name]} == {"1601", "last"}


def test_the_same_on_ext4(house: Household, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.touch()
    os.truncate(image, 16 << 20)
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("there is no mkfs.ext4")
    subprocess.run(["mkfs.ext4", "-q", "-I", "256", image], check=True)
    with disk(house, "-o", "loop", os.fsencode(image)):
        shutil.rmtree(path(house, "lost+found"))
        put(house, "a.png", 1, LAST)
        put(house, "b.png", 2)
        first = well(house)
        assert well(house) == first
        date(house, "a.png", LAST - 1)
        again = well(house)
        assert (again["a.png"] > first["a.png"], again["b.png"]) == (True, first["b.png"])


def test_a_running_service_handles_such_dates(house: Household) -> None:
    with disk(house):
        put(house, "a.png", 1)
        os.mkdir(path(house, "new"))
        house.start()
        assert until(lambda: states(house) == {"a.png": "ok"} and not house.busy())
        put(house, "new/b.png", 2, LAST)
        assert until(lambda: states(house) == {"a.png": "ok", "b.png": "ok"} and not house.busy()), house.tail()
        os.rename(path(house, "new/b.png"), path(house, "c.png"))
        assert until(lambda: states(house).get("c.png") == "ok" and not house.busy()), house.tail()
        date(house, "a.png", EMPTY)
        house.signal(signal.SIGHUP)  # have it scan: a new date alone is no event
        assert until(lambda: house.findings() == [] and not house.busy()), house.tail()
        assert house.alive and states(house) == {"a.png": "ok", "c.png": "ok"}
        assert house.stop() == 0


def test_a_move_while_nothing_watched_keeps_the_history(house: Household) -> None:
    with disk(house):
        put(house, "a.png", 1, EMPTY)
        well(house)
        before = house.rows("SELECT id FROM file")
        os.rename(path(house, "a.png"), path(house, "b.png"))
        assert well(house).keys() == {"b.png"}
        assert house.rows("SELECT id FROM file") == before


def test_rot_behind_such_a_date_is_found(house: Household) -> None:
    with disk(house):
        put(house, "a.png", 1, EMPTY)
        well(house)
        rot(house, "a.png", at=60)
        assert scrub(house, code=1)["different"] == 1
        assert house.once().returncode == 0
        talk, _ = catalog(house, "damage", "--json").communicate()
        assert "size, mtime and ctime are as they were" in json.loads(talk)["evidence"]


def test_files_of_such_dates_identify_their_volume_and_are_found_under_another_name(tmp_path: Path) -> None:
    with mounted(os.fsencode(tmp_path), "-t", "tmpfs", "none"):
        shelf = Shelf(tmp_path)
        for name in ("a", "b"):
            shelf.put(name)
            os.utime(shelf.path(name), ns=(0, EMPTY))
            shelf.database.run("UPDATE file SET mtime_ns = ? WHERE name = ?", str(EMPTY), name.encode())
        (volume,) = all_volumes(shelf.database)
        assert sample_matches(shelf.database, volume)
        os.link(shelf.path("a"), shelf.path("c"))
        shelf.see("c")
        for name in ("a", "b"):
            os.unlink(shelf.path(name))
        lost = missed_files(shelf.database, volume.id, [shelf.path("a"), shelf.path("b")])
        assert list(lost) == [id_ for (id_,) in shelf.database.rows("SELECT id FROM file WHERE name = ?", b"b")]
        shelf.database.close()


def test_the_copy_without_a_date_in_the_future_is_kept(house: Household) -> None:
    with disk(house):
        put(house, "a.png", 1, LAST)
        put(house, "b.png", 1)
        well(house)
        talk, _ = catalog(house, "dups", "--json").communicate()
        assert json.loads(talk)["keep"] == os.fsdecode(house.root) + "/b.png"


def test_files_of_such_dates_go_to_the_trash_and_back(house: Household) -> None:
    with disk(house):
        put(house, "a.png", 1, LAST)
        put(house, "b.png", 1, EMPTY)
        first = well(house)
        for words in (["trash", "--yes", path(house, "a.png")], ["restore", path(house, "a.png")]):
            process = catalog(house, *map(str, words))
            out, err = process.communicate()
            assert process.returncode == 0, (words, out, err)
        assert path(house, "a.png").stat().st_mtime_ns == LAST
        assert well(house).keys() == first.keys()


@contextmanager
def network(house: Household) -> Iterator["Network"]:
    """Yield a network disk at the root."""
    made = Network(house)
    try:
        mount = view(os.fsencode(made.source), house.root, made.control)
        mount.__enter__()
    except OSError:
        pytest.skip("FUSE cannot be mounted here")
    try:
        yield made
    finally:
        mount.__exit__(None, None, None)


class Network:
    """A share that reports `numbers` (inode, mtime and ctime in ns) for its files."""

    def __init__(self, house: Household) -> None:
        self.source, self.control = house.folder / "disk", house.folder / "control"
        os.rename(house.root, self.source)
        os.mkdir(house.root)
        self.numbers: dict[str, list[int]] = {}

    def set_numbers(self, name: str, *numbers: int) -> None:
        self.numbers[name] = list(numbers)
        lines = (f"stat {name} {' '.join(map(str, numbers))}\n" for name, numbers in self.numbers.items())
        self.control.write_text("".join(lines))

    def opened(self) -> set[str]:
        """Return the files opened since the last call."""
        log = Path(f"{self.control}.opened")
        names = {os.fsdecode(os.path.basename(line)) for line in log.read_bytes().splitlines()}
        log.write_bytes(b"")
        return names & self.numbers.keys()


def test_inodes_and_dates_as_a_network_disk_may_give_them(house: Household) -> None:
    """mergerfs hashes its inodes. Only the number under test changes, not even a ctime."""
    with network(house) as share:
        for seed, name in enumerate("abc"):
            (share.source / name).write_bytes(picture(seed))
        share.set_numbers("a", 14_920_808_378_658_256_559, 1, 1)
        share.set_numbers("b", WRAP - 1, EMPTY, EMPTY)
        share.set_numbers("c", 1 << 63, LAST, ((1 << 63) - 1) * S)
        found = path(house, "c").stat()
        assert [found.st_ino, found.st_mtime_ns, found.st_ctime_ns] == share.numbers["c"]
        first = well(house)
        assert share.opened() == {"a", "b", "c"}
        share.set_numbers("a", 14_920_808_378_658_256_558, 1, 1)
        assert (well(house), share.opened()) == (first, set()), "another inode alone is no reason to read"
        for name, *numbers in (
            ("a", 1 << 63, 1 + WRAP, 1),
            ("b", WRAP - 1, LAST, EMPTY),
            ("c", 1 << 63, LAST, ((1 << 63) - 1) * S - WRAP),
        ):
            share.set_numbers(name, *numbers)
            well(house)
            assert share.opened() == {name}


def test_a_damaged_file_with_such_dates_is_rejected_for_its_damage(house: Household) -> None:
    with network(house) as share:
        (share.source / "a").write_bytes(picture(1)[:-30])
        share.set_numbers("a", 1, EMPTY, LAST)
        assert house.once().returncode == 0, house.tail()
        assert states(house) == {"a": "rejected truncated"}
