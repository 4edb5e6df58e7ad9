"""Read a known file again and compare it with its hash. Nothing is decoded: equal bytes have been validated before."""

import errno
import fcntl
import hashlib
import mmap
import os
import stat
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from catalog.errors import error_text
from catalog.filesystem.safe_read import NotRegular, OpenFile, open_regular
from catalog.filesystem.stat_signature import Signature, lstat_or_none, signature_of
from daemon.scrub.page_cache import PAGE_BYTES, PageCacheSnapshot

CHUNK_BYTES = 1 << 20
RESOURCE_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)  # not the fault of the file


class ScrubTarget(NamedTuple):
    """A file as its row describes it. `sha256` and `content` are None if it was never read to its end.

    `file`, `content`: row ids. `read_at`: when it was last read, in seconds since the epoch, 0 for never. `stale`: its
    content was validated by an older version of the validators.
    """

    file: int
    path: bytes
    signature: Signature
    content: int | None
    sha256: bytes | None
    read_at: float = 0.0
    stale: bool = False


class ScrubResult(Enum):
    """The result of reading a file. The values are the counters of `catalog.integrity.scrub_runs.ScrubRun`."""

    SOUND = "sound"
    DIFFERENT = "different"  # other bytes, although size, mtime and ctime are the same
    CHANGED = "changed"  # another size, mtime or ctime, or not a regular file: the intake reads it
    GONE = "gone"
    UNREADABLE = "unreadable"
    SKIPPED = "skipped"  # could not be checked now


class ScrubReading(NamedTuple):
    """One file that was read. `size`, `sha256`: of the bytes read; `detail`: the system's error message, if any."""

    target: ScrubTarget
    result: ScrubResult
    size: int = 0
    sha256: bytes = b""
    detail: str = ""


class ScrubStopped(Exception):
    """The scrub was stopped in the middle of a file, which counts as not read."""


class ScrubReader:
    """Reads files with O_DIRECT if the filesystem supports it.

    The bytes then come from the disk, not from memory that was filled while the disk was still intact, and the page
    cache is neither used nor filled. Otherwise pages that were not cached before are dropped.

    `pace(bytes)` is called before each read, waits as long as the rate limit demands, and returns False to stop.
    """

    def __init__(self, pace: Callable[[int], bool], direct: bool = True) -> None:
        self._pace = pace
        self._direct = direct
        self._buffer = memoryview(mmap.mmap(-1, CHUNK_BYTES))  # page-aligned, as O_DIRECT requires

    def read(self, target: ScrubTarget) -> ScrubReading:
        """Read a file. Never raises for a fault of the file. Raises ScrubStopped if `pace` returned False."""
        try:
            with open_regular(target.path) as opened:
                try:
                    return self._compare(opened, target)
                except OSError as error:
                    return _read_failure(target, error)
        except NotRegular:
            return ScrubReading(target, ScrubResult.CHANGED)
        except OSError as error:
            return _open_failure(target, error)

    def _compare(self, opened: OpenFile, target: ScrubTarget) -> ScrubReading:
        handle, before, untraced = opened
        if signature_of(before).stamp != target.signature.stamp:
            return ScrubReading(target, ScrubResult.CHANGED)
        size, digest = self._hash(handle, before.st_size, PageCacheSnapshot(handle, before.st_size, untraced))
        if signature_of(os.fstat(handle)).stamp != target.signature.stamp:
            return ScrubReading(target, ScrubResult.CHANGED, size)
        is_sound = target.sha256 is None or digest == target.sha256
        return ScrubReading(target, ScrubResult.SOUND if is_sound else ScrubResult.DIFFERENT, size, digest)

    def _hash(self, handle: int, size: int, page_cache: PageCacheSnapshot) -> tuple[int, bytes]:
        """Return the number of bytes read, and their SHA-256."""
        reader = _DirectReader(handle, self._direct)
        digest, at = hashlib.sha256(), 0
        while True:
            if not self._pace(min(CHUNK_BYTES, max(0, size - at))):
                raise ScrubStopped
            count = reader.read(self._buffer, at)
            digest.update(self._buffer[:count])
            page_cache.clear(at // PAGE_BYTES * PAGE_BYTES, at + count)
            at += count
            if not count or at >= size:  # if the file has grown, its stat signature shows it
                return at, digest.digest()


class _DirectReader:
    """Reads an open file with O_DIRECT, or through the page cache once that fails."""

    def __init__(self, handle: int, direct: bool) -> None:
        self._handle = handle
        self._direct = direct and self._set(os.O_DIRECT)
        if not self._direct:
            os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_SEQUENTIAL)

    def _set(self, flag: int) -> bool:
        try:
            fcntl.fcntl(self._handle, fcntl.F_SETFL, fcntl.fcntl(self._handle, fcntl.F_GETFL) & ~os.O_DIRECT | flag)
        except OSError:
            return False
        return True

    def read(self, buffer: memoryview, at: int) -> int:
        try:
            return os.preadv(self._handle, [buffer], at)
        except OSError as error:
            # Some filesystems accept the flag but refuse the read, and all refuse an unaligned read after a short one.
            if not self._direct or error.errno != errno.EINVAL or not self._set(0):
                raise
            self._direct = False
            return os.preadv(self._handle, [buffer], at)


def _open_failure(target: ScrubTarget, error: OSError) -> ScrubReading:
    """Tell a file that has changed or is gone from one that cannot be read."""
    if error.errno in RESOURCE_ERRNOS:
        return ScrubReading(target, ScrubResult.SKIPPED, detail=error_text(error))
    try:
        found = lstat_or_none(target.path)
    except OSError as worse:
        # Its directory is unreadable, which a scan reports.
        return ScrubReading(target, ScrubResult.SKIPPED, detail=error_text(worse))
    if found is None:
        return ScrubReading(target, ScrubResult.GONE)
    if not stat.S_ISREG(found.st_mode) or signature_of(found).stamp != target.signature.stamp:
        return ScrubReading(target, ScrubResult.CHANGED)
    return ScrubReading(target, ScrubResult.UNREADABLE, detail=error_text(error))


def _read_failure(target: ScrubTarget, error: OSError) -> ScrubReading:
    result = ScrubResult.SKIPPED if error.errno in RESOURCE_ERRNOS else ScrubResult.UNREADABLE
    return ScrubReading(target, result, detail=error_text(error))
