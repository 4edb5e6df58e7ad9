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

from tests.support.fuse import mount_view
from tests.support.mounts import mounted, unmount
from tests.support.running_service import RunningService, picture
from tests.support.waiting import wait_until

FILES = 30
pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[RunningService]:
    """Yield a disk with a marked collection, not mounted yet; remote volumes are scanned often."""
    made = RunningService(tmp_path, "[intake]\nworkers = 2\n")
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


def disk(service: RunningService) -> bytes:
    return os.fsencode(service.folder) + b"/disk"


def counts(service: RunningService) -> dict[str, int]:
    return Counter(state for state, _, _ in service.states().values())


def readings(service: RunningService) -> list[tuple[object, ...]]:
    """Return what every read and every embedding changes."""
    return service.rows("SELECT id, content, last_verified FROM file ORDER BY id") + service.rows(
        "SELECT id, content, seq FROM vector ORDER BY id"
    )


def settles(service: RunningService, expected: dict[str, int]) -> None:
    """Assert that the running service settles with these states."""
    assert wait_until(lambda: counts(service) == expected and not service.busy()), (
        counts(service),
        service.busy(),
        service.tail(),
    )


def passes(service: RunningService, code: int, expected: dict[str, int], word: str = "") -> None:
    """Assert that one pass ends with this exit code and these states."""
    done = service.once()
    assert done.returncode == code, done.stderr
    assert word in done.stderr
    assert counts(service) == expected


ALL, AWAY = {"ok": 2 * FILES}, {"unreachable": 2 * FILES}


# -- disks that are mounted or not


def test_files_of_an_unmounted_root_are_kept(service: RunningService) -> None:
    with mounted(service.root, "--bind", disk(service)):
        passes(service, 0, ALL)
        before = readings(service)
    passes(service, 4, AWAY, "its marker .catalogd-root is missing")
    with mounted(service.root, "--bind", disk(service)):
        passes(service, 0, ALL)
        assert readings(service) == before
        assert service.findings() == []


def test_an_empty_filesystem_over_the_root_of_a_running_service(service: RunningService) -> None:
    with mounted(service.root, "--bind", disk(service)):
        service.start()
        settles(service, ALL)
        before = readings(service)
        with mounted(service.root, "-t", "tmpfs", "none"):
            settles(service, AWAY)
            os.unlink(os.path.join(disk(service), b"a/0.png"))  # the watches still hear it: it proves nothing now
            service.path("stray.png").write_bytes(picture(99))  # of another disk
            assert not wait_until(lambda: counts(service) != AWAY, 3)
        settles(service, {"ok": 2 * FILES - 1, "gone": 1})
        assert len(set(before) - set(readings(service))) == 1  # the vector of the one that was deleted
        assert wait_until(lambda: service.findings() == [])
        assert service.stop() == 0


def test_a_mount_inside_the_root_goes_and_comes_back(service: RunningService) -> None:
    inner, inside = os.path.join(disk(service), b"inner"), os.path.join(service.root, b"inner")
    os.mkdir(inner)
    with mounted(service.root, "--bind", disk(service)), mounted(inside, "-t", "tmpfs", "none"):
        for seed in range(100, 100 + FILES):
            Path(os.fsdecode(inside), f"{seed}.png").write_bytes(picture(seed))
        shelter = os.fsencode(service.folder) + b"/shelter"
        os.mkdir(shelter)
        service.start()
        settles(service, {"ok": 3 * FILES})
        before = readings(service)
        with mounted(shelter, "--bind", inside):  # keeps the filesystem alive while it is away
            unmount(inside)
            settles(service, ALL | {"unreachable": FILES})
            with mounted(inside, "-t", "tmpfs", "none"):  # an empty one in its place
                assert not wait_until(lambda: counts(service) != ALL | {"unreachable": FILES}, 3)
            with mounted(inside, "--bind", shelter):
                settles(service, {"ok": 3 * FILES})
                assert readings(service) == before
                assert wait_until(lambda: service.findings() == [])
                assert service.stop() == 0


def test_another_collection_is_mounted_over_the_root(service: RunningService) -> None:
    other = os.fsencode(service.folder) + b"/other"
    shutil.copytree(disk(service), other)
    Path(os.fsdecode(other), ".catalogd-root").write_text("another\n")
    shutil.rmtree(os.path.join(other, b"a"))
    with mounted(service.root, "--bind", disk(service)):
        passes(service, 0, ALL)
        before = readings(service)
        with mounted(service.root, "--bind", other):
            # Half of it is not half of a sample of the files, so it is another collection and no copy of ours.
            for name in os.listdir(os.path.join(other, b"b")):
                os.utime(os.path.join(other, b"b", name))
            passes(service, 4, AWAY, "another collection is mounted there")
        passes(service, 0, ALL)
        assert readings(service) == before


# -- a network filesystem


class Share:
    """The disk as a FUSE filesystem at the root; a file lists its faults."""

    def __init__(self, service: RunningService, server: "subprocess.Popen[bytes]") -> None:
        self.server = server
        self.control = service.folder / "control"

    def say(self, *arguments: str) -> None:
        self.control.write_text("".join(f"{word}\n" for word in arguments))

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
def share(service: RunningService) -> Iterator[Share]:
    if os.geteuid() or not os.access("/dev/fuse", os.R_OK | os.W_OK):
        pytest.skip("this user may not mount a FUSE filesystem")
    server = mount_view(disk(service), service.root, service.folder / "control")
    try:
        process = server.__enter__()
    except OSError as error:
        pytest.skip(str(error))
    try:
        yield Share(service, process)
    finally:
        server.__exit__(None, None, None)


def test_a_share_that_lists_half_of_its_files(service: RunningService) -> None:
    """A pool that lost a member keeps its marker and identity. When it comes back, no file is opened."""
    with share(service) as disk_:
        service.start()
        settles(service, ALL)
        assert len(disk_.opened()) == 2 * FILES
        before = readings(service)
        disk_.say("hide a", *(f"hide {seed}.png" for seed in range(FILES, FILES + 5)))
        settles(service, AWAY)
        (volume,) = service.rows("SELECT missed, known FROM volume")
        assert volume == (FILES + 5, 2 * FILES)
        disk_.say()
        settles(service, ALL)
        assert disk_.opened() == []
        assert readings(service) == before
        assert service.stop() == 0


def test_known_files_due_for_reading_do_not_count_as_gone_when_not_found(service: RunningService) -> None:
    """As after a chmod of everything: the readers are faster than the scan and do not know the volume as a whole."""
    with share(service) as disk_:
        passes(service, 0, ALL)
        vectors = service.vectors()
        disk_.say("hide a", *(f"hide {seed}.png" for seed in range(FILES, FILES + 5)))
        connection = apsw.Connection(str(service.config.database))
        connection.execute("UPDATE file SET state = 'pending', due = 1.0")
        connection.close()
        passes(service, 4, AWAY, "is held")
        assert service.rows("SELECT count(*) FROM file WHERE state = 'gone'") == [(0,)]
        disk_.say()
        connection = apsw.Connection(str(service.config.database))
        connection.execute("UPDATE file SET due = 1.0 WHERE state = 'pending'")  # the minute until the next try
        connection.close()
        passes(service, 0, ALL)
        assert service.vectors() == vectors


def test_a_share_that_fails_during_a_scan(service: RunningService) -> None:
    with share(service) as disk_:
        passes(service, 0, ALL)
        assert len(disk_.opened()) == 2 * FILES
        before = readings(service)
        disk_.say("stall b")
        result = []
        scan = threading.Thread(target=lambda: result.append(service.once()))
        scan.start()
        threading.Event().wait(3)  # a scan that has not come to the directory yet finds it dead: the same has to hold
        disk_.die()
        scan.join()
        assert result[0].returncode == 4, result[0].stderr
        assert counts(service) == AWAY
        assert service.rows("SELECT path FROM volume WHERE kind = 'blocked'") == []
        disk_.say()
    with share(service) as disk_:
        passes(service, 0, ALL)
        assert readings(service) == before
        assert disk_.opened() == []
        assert service.findings() == []


def test_a_share_that_fails_while_the_service_runs(service: RunningService) -> None:
    with share(service) as disk_:
        service.start()
        settles(service, ALL)
        assert len(disk_.opened()) == 2 * FILES
        before = readings(service)
        disk_.die()
        settles(service, AWAY)
    with share(service) as disk_:
        settles(service, ALL)
        assert readings(service) == before
        assert disk_.opened() == []
        assert service.stop() == 0


def test_files_that_the_disk_cannot_read_are_tried_again_until_they_can_be_read(service: RunningService) -> None:
    with share(service) as disk_:
        disk_.say("eio 3.png", "sick 4.png")
        service.start()
        settles(service, {"ok": 2 * FILES - 2, "rejected": 2})
        ill = {os.path.basename(path): reason for path, (state, _, reason) in service.states().items() if state != "ok"}
        assert ill == {b"3.png": "unreadable", b"4.png": "unreadable"}
        assert service.rows("SELECT count(*) FROM file WHERE state = 'rejected' AND due IS NOT NULL") == [(2,)]
        disk_.say()
        settles(service, ALL)
        # A known one falls ill: it keeps its content, and only it is read again.
        vectors = service.vectors()
        disk_.opened()
        disk_.say("sick 5.png")
        settles(service, {"ok": 2 * FILES - 1, "rejected": 1})
        ((content,),) = service.rows("SELECT content FROM file WHERE state = 'rejected'")
        assert content is not None
        disk_.say()
        settles(service, ALL)
        assert set(disk_.opened()) == {"5.png"}
        assert service.vectors() == vectors
        assert service.findings() == []
        service.signal(signal.SIGTERM)
