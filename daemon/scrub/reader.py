"""Read one known file again and compare its bytes with their hash. Equal bytes were proved before: none are decoded."""

import errno
import fcntl
import hashlib
import mmap
import os
import stat
from collections.abc import Callable
from enum import Enum
from typing import NamedTuple

from catalog.filesystem.safe_read import NotRegular, OpenFile, open_regular
from catalog.filesystem.stat_signature import Signature, lstat_or_none, signature_of
from daemon.scrub.page_cache import PAGE_BYTES, PageCacheSnapshot

CHUNK_BYTES = 1 << 20
RESOURCE_ERRNOS = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS)  # says nothing of the file


class ScrubTarget(NamedTuple):
    """A file as the catalog holds it. `sha256` and `content` are None for one that was never read to its end.

    `read_at`: when its bytes were read last, in seconds since the epoch, 0 for never. `stale`: validators of an older
    version passed its content.
    """

    file: int
    path: bytes
    signature: Signature
    content: int | None
    sha256: bytes | None
    read_at: float = 0.0
    stale: bool = False


class ScrubResult(Enum):
    """What came out. The words are those of `catalog.integrity.scrub_runs.ScrubRun`."""

    SOUND = "sound"
    DIFFERENT = "different"  # other bytes behind the stamp that is known
    CHANGED = "changed"  # another stamp, or no regular file any more: not for a scrub to judge
    GONE = "gone"
    UNREADABLE = "unreadable"
    SKIPPED = "skipped"  # nothing can be said now


class ScrubReading(NamedTuple):
    """One file read. `size`: how many bytes were read; `sha256`: of them; `detail`: the system's words, if any."""

    target: ScrubTarget
    finding: ScrubResult
    size: int = 0
    sha256: bytes = b""
    detail: str = ""


class ScrubStopped(Exception):
    """Told to stop in the middle of a file: it counts as not read."""


class ScrubReader:
    """Reads with O_DIRECT where the filesystem has it: then the bytes come from the disk and not from memory that was
    filled when the disk was still well, and the page cache is neither used nor filled. Elsewhere pages that were not
    cached before are let go.

    `pace` is called before each read with its bytes, waits as long as it has to, and returns False to stop.
    """

    def __init__(self, pace: Callable[[int], bool], direct: bool = True) -> None:
        self._pace = pace
        self._direct = direct
        self._buffer = memoryview(mmap.mmap(-1, CHUNK_BYTES))  # aligned to a page, as O_DIRECT demands

    def read(self, target: ScrubTarget) -> ScrubReading:
        """Never raises for what is the file's fault. Raises Stopped."""
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
        handle, before, told = opened
        if signature_of(before).stamp != target.signature.stamp:
            return ScrubReading(target, ScrubResult.CHANGED)
        size, digest = self._hash(handle, before.st_size, PageCacheSnapshot(handle, before.st_size, told))
        if signature_of(os.fstat(handle)).stamp != target.signature.stamp:
            return ScrubReading(target, ScrubResult.CHANGED, size)
        good = target.sha256 is None or digest == target.sha256
        return ScrubReading(target, ScrubResult.SOUND if good else ScrubResult.DIFFERENT, size, digest)

    def _hash(self, handle: int, size: int, footprint: PageCacheSnapshot) -> tuple[int, bytes]:
        """How many bytes there were, and their sha256."""
        way = _DirectReader(handle, self._direct)
        digest, at = hashlib.sha256(), 0
        while True:
            if not self._pace(min(CHUNK_BYTES, max(0, size - at))):
                raise ScrubStopped
            got = way.read(self._buffer, at)
            digest.update(self._buffer[:got])
            footprint.clear(at // PAGE_BYTES * PAGE_BYTES, at + got)
            at += got
            if not got or at >= size:  # whether it has grown is for the stamp to tell
                return at, digest.digest()


class _DirectReader:
    """How an open file is read: past the page cache, or through it once that was refused."""

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
            # Some filesystems take the flag and refuse the read, and all refuse one that follows on a short one.
            if not self._direct or error.errno != errno.EINVAL or not self._set(0):
                raise
            self._direct = False
            return os.preadv(self._handle, [buffer], at)


def _open_failure(target: ScrubTarget, error: OSError) -> ScrubReading:
    """It cannot be opened: because something else stands there, or because this very file may not be read."""
    if error.errno in RESOURCE_ERRNOS:
        return ScrubReading(target, ScrubResult.SKIPPED, detail=_error_text(error))
    try:
        found = lstat_or_none(target.path)
    except OSError as worse:
        return ScrubReading(
            target, ScrubResult.SKIPPED, detail=_error_text(worse)
        )  # its directory is closed: a scan says so
    if found is None:
        return ScrubReading(target, ScrubResult.GONE)
    if not stat.S_ISREG(found.st_mode) or signature_of(found).stamp != target.signature.stamp:
        return ScrubReading(target, ScrubResult.CHANGED)
    return ScrubReading(target, ScrubResult.UNREADABLE, detail=_error_text(error))


def _read_failure(target: ScrubTarget, error: OSError) -> ScrubReading:
    finding = ScrubResult.SKIPPED if error.errno in RESOURCE_ERRNOS else ScrubResult.UNREADABLE
    return ScrubReading(target, finding, detail=_error_text(error))


def _error_text(error: OSError) -> str:
    return os.strerror(error.errno or 0).lower()
