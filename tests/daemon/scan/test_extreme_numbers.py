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
from tests.support.catalog_on_disk import Collection
from tests.support.fuse import mount_view
from tests.support.mounts import mounted
from tests.support.running_service import RunningService, picture
from tests.support.scrub_service import rot, scrub, states
from tests.support.waiting import wait_until

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
def service(tmp_path: Path) -> Iterator[RunningService]:
    made = RunningService(tmp_path)
    yield made
    made.close()


@contextmanager
def disk(service: RunningService, *how: str | bytes) -> Iterator[None]:
    """Mount another filesystem at the root; the service ends before it is unmounted."""
    with ExitStack() as stack:
        stack.enter_context(mounted(service.root, *(how or ("-t", "tmpfs", "none"))))
        stack.callback(service.close)
        write_marker(service.root)
        yield


def put(service: RunningService, name: str, seed: int, mtime_ns: int | None = None) -> Path:
    service.path(name).write_bytes(picture(seed))
    if mtime_ns is not None:
        date(service, name, mtime_ns)
    return service.path(name)


def date(service: RunningService, name: str, mtime_ns: int) -> None:
    os.utime(service.path(name), ns=(0, mtime_ns))
    if service.path(name).stat().st_mtime_ns != mtime_ns:
        pytest.skip(f"this filesystem keeps no date of {mtime_ns} ns")


def reads(service: RunningService) -> dict[str, float]:
    """Return when each file was last read."""
    return {os.fsdecode(name): at for name, at in service.rows("SELECT name, last_verified FROM file")}


def well(service: RunningService) -> dict[str, float]:
    """Run one pass without findings; return when each file was read."""
    done = service.once()
    assert done.returncode == 0, done.stderr
    assert set(states(service).values()) == {"ok"}, states(service)
    assert service.findings() == []
    return reads(service)


def test_files_of_every_date_are_read_once_and_again_when_it_changes(service: RunningService) -> None:
    with disk(service):
        for seed, (name, mtime_ns) in enumerate(DATES.items()):
            put(service, name, seed, mtime_ns)
        first = well(service)
        assert first.keys() == DATES.keys()
        assert well(service) == first
        date(service, "1601", LAST)
        date(service, "last", EMPTY)
        again = well(service)
        assert {name for name in first if again[name] != first[name]} == {"1601", "last"}


def test_the_same_on_ext4(service: RunningService, tmp_path: Path) -> None:
    image = tmp_path / "image"
    image.touch()
    os.truncate(image, 16 << 20)
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("there is no mkfs.ext4")
    subprocess.run(["mkfs.ext4", "-q", "-I", "256", image], check=True)
    with disk(service, "-o", "loop", os.fsencode(image)):
        shutil.rmtree(service.path("lost+found"))
        put(service, "a.png", 1, LAST)
        put(service, "b.png", 2)
        first = well(service)
        assert well(service) == first
        date(service, "a.png", LAST - 1)
        again = well(service)
        assert (again["a.png"] > first["a.png"], again["b.png"]) == (True, first["b.png"])


def test_a_running_service_handles_such_dates(service: RunningService) -> None:
    with disk(service):
        put(service, "a.png", 1)
        os.mkdir(service.path("new"))
        service.start()
        assert wait_until(lambda: states(service) == {"a.png": "ok"} and not service.busy())
        put(service, "new/b.png", 2, LAST)
        assert wait_until(lambda: states(service) == {"a.png": "ok", "b.png": "ok"} and not service.busy()), (
            service.tail()
        )
        os.rename(service.path("new/b.png"), service.path("c.png"))
        assert wait_until(lambda: states(service).get("c.png") == "ok" and not service.busy()), service.tail()
        date(service, "a.png", EMPTY)
        service.signal(signal.SIGHUP)  # have it scan: a new date alone is no event
        assert wait_until(lambda: service.findings() == [] and not service.busy()), service.tail()
        assert service.alive and states(service) == {"a.png": "ok", "c.png": "ok"}
        assert service.stop() == 0


def test_a_move_while_nothing_watched_keeps_the_history(service: RunningService) -> None:
    with disk(service):
        put(service, "a.png", 1, EMPTY)
        well(service)
        before = service.rows("SELECT id FROM file")
        os.rename(service.path("a.png"), service.path("b.png"))
        assert well(service).keys() == {"b.png"}
        assert service.rows("SELECT id FROM file") == before


def test_rot_behind_such_a_date_is_found(service: RunningService) -> None:
    with disk(service):
        put(service, "a.png", 1, EMPTY)
        well(service)
        rot(service, "a.png", at=60)
        assert scrub(service, code=1)["different"] == 1
        assert service.once().returncode == 0
        talk, _ = service.start_catalog("damage", "--json").communicate()
        assert "size, mtime and ctime are as they were" in json.loads(talk)["evidence"]


def test_files_of_such_dates_identify_their_volume_and_are_found_under_another_name(tmp_path: Path) -> None:
    with mounted(os.fsencode(tmp_path), "-t", "tmpfs", "none"):
        collection = Collection(tmp_path)
        for name in ("a", "b"):
            collection.add_file(name)
            os.utime(collection.path(name), ns=(0, EMPTY))
            collection.database.run("UPDATE file SET mtime_ns = ? WHERE name = ?", str(EMPTY), name.encode())
        (volume,) = all_volumes(collection.database)
        assert sample_matches(collection.database, volume)
        os.link(collection.path("a"), collection.path("c"))
        collection.record_sighting("c")
        for name in ("a", "b"):
            os.unlink(collection.path(name))
        lost = missed_files(collection.database, volume.id, [collection.path("a"), collection.path("b")])
        assert list(lost) == [id_ for (id_,) in collection.database.rows("SELECT id FROM file WHERE name = ?", b"b")]
        collection.database.close()


def test_the_copy_without_a_date_in_the_future_is_kept(service: RunningService) -> None:
    with disk(service):
        put(service, "a.png", 1, LAST)
        put(service, "b.png", 1)
        well(service)
        talk, _ = service.start_catalog("dups", "--json").communicate()
        assert json.loads(talk)["keep"] == os.fsdecode(service.root) + "/b.png"


def test_files_of_such_dates_go_to_the_trash_and_back(service: RunningService) -> None:
    with disk(service):
        put(service, "a.png", 1, LAST)
        put(service, "b.png", 1, EMPTY)
        first = well(service)
        for words in (["trash", "--yes", service.path("a.png")], ["restore", service.path("a.png")]):
            process = service.start_catalog(*map(str, words))
            out, err = process.communicate()
            assert process.returncode == 0, (words, out, err)
        assert service.path("a.png").stat().st_mtime_ns == LAST
        assert well(service).keys() == first.keys()


@contextmanager
def network(service: RunningService) -> Iterator["Network"]:
    """Yield a network disk at the root."""
    made = Network(service)
    try:
        mount = mount_view(os.fsencode(made.source), service.root, made.control)
        mount.__enter__()
    except OSError:
        pytest.skip("FUSE cannot be mounted here")
    try:
        yield made
    finally:
        mount.__exit__(None, None, None)


class Network:
    """A share that reports `numbers` (inode, mtime and ctime in ns) for its files."""

    def __init__(self, service: RunningService) -> None:
        self.source, self.control = service.folder / "disk", service.folder / "control"
        os.rename(service.root, self.source)
        os.mkdir(service.root)
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


def test_inodes_and_dates_as_a_network_disk_may_give_them(service: RunningService) -> None:
    """mergerfs hashes its inodes. Only the number under test changes, not even a ctime."""
    with network(service) as share:
        for seed, name in enumerate("abc"):
            (share.source / name).write_bytes(picture(seed))
        share.set_numbers("a", 14_920_808_378_658_256_559, 1, 1)
        share.set_numbers("b", WRAP - 1, EMPTY, EMPTY)
        share.set_numbers("c", 1 << 63, LAST, ((1 << 63) - 1) * S)
        found = service.path("c").stat()
        assert [found.st_ino, found.st_mtime_ns, found.st_ctime_ns] == share.numbers["c"]
        first = well(service)
        assert share.opened() == {"a", "b", "c"}
        share.set_numbers("a", 14_920_808_378_658_256_558, 1, 1)
        assert (well(service), share.opened()) == (first, set()), "another inode alone is no reason to read"
        for name, *numbers in (
            ("a", 1 << 63, 1 + WRAP, 1),
            ("b", WRAP - 1, LAST, EMPTY),
            ("c", 1 << 63, LAST, ((1 << 63) - 1) * S - WRAP),
        ):
            share.set_numbers(name, *numbers)
            well(service)
            assert share.opened() == {name}


def test_a_damaged_file_with_such_dates_is_rejected_for_its_damage(service: RunningService) -> None:
    with network(service) as share:
        (share.source / "a").write_bytes(picture(1)[:-30])
        share.set_numbers("a", 1, EMPTY, LAST)
        assert service.once().returncode == 0, service.tail()
        assert states(service) == {"a": "rejected truncated"}
