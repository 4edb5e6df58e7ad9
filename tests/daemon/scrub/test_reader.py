"""Reading one known file again: the result for anything that may be at the path, and the page cache afterwards."""

import hashlib
import mmap
import os
import random
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from catalog.filesystem.stat_signature import Signature, signature_of
from daemon.scrub.page_cache import cached_pages
from daemon.scrub.reader import CHUNK_BYTES, ScrubReader, ScrubReading, ScrubResult, ScrubStopped, ScrubTarget

SIZES = [0, 1, 511, 512, 513, 4096, 4097, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES + 12_345]
PAGE = mmap.PAGESIZE


def noise(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def target(path: Path, data: bytes | None = None, seen: Signature | None = None) -> ScrubTarget:
    known = path.read_bytes() if data is None else data
    return ScrubTarget(1, os.fsencode(path), seen or signature_of(os.lstat(path)), 1, hashlib.sha256(known).digest())


def read(one: ScrubTarget, direct: bool = True, pace: Callable[[int], bool] = lambda amount: True) -> ScrubReading:
    return ScrubReader(pace, direct).read(one)


def written(path: Path, data: bytes) -> Path:
    """A file on disk, so that the kernel can drop its pages."""
    path.write_bytes(data)
    handle = os.open(path, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)
    return path


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("size", SIZES)
def test_every_byte_is_read(tmp_path: Path, size: int, direct: bool) -> None:
    path = written(tmp_path / "a.jpg", noise(size))
    found = read(target(path), direct)
    assert (found.result, found.size) == (ScrubResult.SOUND, size)
    assert found.sha256 == hashlib.sha256(noise(size)).digest()


@pytest.mark.parametrize("direct", [True, False])
@pytest.mark.parametrize("at", [0, 511, CHUNK_BYTES - 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 7, 3 * CHUNK_BYTES + 12_344])
def test_a_flipped_bit_anywhere_is_found(tmp_path: Path, at: int, direct: bool) -> None:
    data = bytearray(noise(SIZES[-1]))
    known = bytes(data)
    data[at] ^= 1
    path = written(tmp_path / "a.jpg", bytes(data))
    assert read(target(path, known), direct).result is ScrubResult.DIFFERENT


def test_a_file_with_another_stat_signature_is_reported_as_changed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jpg", noise(100))
    seen = signature_of(os.lstat(path))
    for other in (seen._replace(size=1), seen._replace(mtime_ns=1), seen._replace(ctime_ns=1)):
        assert read(target(path, seen=other)).result is ScrubResult.CHANGED
    assert read(target(path, seen=seen._replace(inode=1))).result is ScrubResult.SOUND, "a network share renumbers"


@pytest.mark.parametrize("kind", ["directory", "symlink", "pipe"])
def test_only_regular_files_are_read(tmp_path: Path, kind: str) -> None:
    path = written(tmp_path / "a.jpg", noise(100))
    one = target(path)
    path.unlink()
    if kind == "directory":
        path.mkdir()
    elif kind == "symlink":
        path.symlink_to(written(tmp_path / "b.jpg", noise(100)))
    else:
        os.mkfifo(path)
    assert read(one).result is ScrubResult.CHANGED


def test_a_missing_file_or_folder_is_gone(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    first, second = written(tmp_path / "a.jpg", noise(9)), written(tmp_path / "d" / "b.jpg", noise(9))
    targets = [target(first), target(second)]
    first.unlink()
    second.unlink()
    (tmp_path / "d").rmdir()
    assert [read(one).result for one in targets] == [ScrubResult.GONE] * 2


@pytest.mark.parametrize("direct", [True, False])
def test_a_file_that_is_written_while_it_is_read_is_reported_as_changed(tmp_path: Path, direct: bool) -> None:
    path = written(tmp_path / "a.jpg", noise(SIZES[-1]))
    reads = iter(range(100))

    def pace(amount: int) -> bool:
        if next(reads) == 2:
            with path.open("r+b") as file:
                file.write(b"edited")
        return True

    assert read(target(path), direct, pace).result is ScrubResult.CHANGED


def test_a_file_that_is_removed_while_it_is_read_is_reported_as_changed(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jpg", noise(SIZES[-1]))

    def pace(amount: int) -> bool:
        path.unlink(missing_ok=True)
        return True

    assert read(target(path), pace=pace).result is ScrubResult.CHANGED, "its last name is gone: a new change time"


def test_it_can_be_stopped_between_two_reads(tmp_path: Path) -> None:
    path = written(tmp_path / "a.jpg", noise(SIZES[-1]))
    amounts: list[int] = []

    def pace(amount: int) -> bool:
        amounts.append(amount)
        return len(amounts) < 3

    before = set(os.listdir("/proc/self/fd"))
    with pytest.raises(ScrubStopped):
        read(target(path), pace=pace)
    assert amounts == [CHUNK_BYTES] * 3
    assert set(os.listdir("/proc/self/fd")) == before, "a file that stays open keeps its disk from being unmounted"


def test_the_detail_is_the_error_message_of_the_kernel(tmp_path: Path) -> None:
    """A process's memory is a regular file whose first page cannot be read: the kernel returns EIO."""
    path = Path("/proc/self/mem")
    found = read(ScrubTarget(1, os.fsencode(path), signature_of(os.lstat(path)), 1, bytes(32)))
    assert (found.result, found.detail) == (ScrubResult.UNREADABLE, "input/output error")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_without_read_permission_is_unreadable_and_one_in_a_closed_folder_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    path, below = written(tmp_path / "a.jpg", noise(9)), written(tmp_path / "d" / "b.jpg", noise(9))
    path.chmod(0)
    hidden = target(below)
    (tmp_path / "d").chmod(0)
    try:
        assert read(target(path, noise(9))).result is ScrubResult.UNREADABLE
        assert read(hidden).result is ScrubResult.SKIPPED
    finally:
        (tmp_path / "d").chmod(0o700)


@pytest.mark.parametrize("direct", [True, False])
def test_a_scrub_leaves_the_access_time_alone(tmp_path: Path, direct: bool) -> None:
    path = written(tmp_path / "a.jpg", noise(5000))
    os.utime(path, (1, 1))
    before = os.lstat(path)
    assert read(target(path, noise(5000)), direct).result is ScrubResult.SOUND
    after = os.lstat(path)
    assert (before.st_atime_ns, before.st_mtime_ns, before.st_ctime_ns) == (
        after.st_atime_ns,
        after.st_mtime_ns,
        after.st_ctime_ns,
    )


# -- the page cache


def cached(path: Path) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    handle = os.open(path, os.O_RDONLY)
    try:
        found = cached_pages(handle, os.fstat(handle).st_size)
    finally:
        os.close(handle)
    assert found is not None
    return found


@pytest.fixture
def evicted(tmp_path: Path) -> Path:
    """A file with no cached page; filesystems in memory cannot have one."""
    path = written(tmp_path / "cold.jpg", noise(40 * CHUNK_BYTES // 10 + 99))
    evict(path)
    if cached(path).any():
        pytest.skip("this filesystem keeps everything in memory")
    return path


def evict(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(handle)


def warm(path: Path, start: int, pages: int) -> None:
    """Read some pages without reading ahead."""
    handle = os.open(path, os.O_RDONLY)
    os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_RANDOM)
    os.pread(handle, pages * PAGE, start * PAGE)
    os.close(handle)


@pytest.mark.parametrize("direct", [True, False])
def test_pages_that_were_not_cached_are_not_cached_afterwards(evicted: Path, direct: bool) -> None:
    one = ScrubTarget(1, os.fsencode(evicted), signature_of(os.lstat(evicted)), 1, None)
    assert read(one, direct).result is ScrubResult.SOUND
    assert not cached(evicted).any()


@pytest.mark.parametrize("direct", [True, False])
def test_pages_that_were_cached_stay_cached(evicted: Path, direct: bool) -> None:
    for start, pages in ((0, 3), (250, 12), (600, 1)):
        warm(evicted, start, pages)
    before = cached(evicted)
    assert 0 < before.sum() < len(before)
    read(ScrubTarget(1, os.fsencode(evicted), signature_of(os.lstat(evicted)), 1, None), direct)
    after = cached(evicted)
    assert (after & before).sum() == before.sum(), "pages of others were thrown out"
    # Through the cache, the kernel may keep a page that shares its folio with one that was there.
    assert (after & ~before).sum() <= (0 if direct else 64)
