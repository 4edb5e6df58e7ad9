"""Open and hash regular files without following links, blocking, or changing access times where possible."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from catalog.filesystem.stat_signature import signature_of

OPEN_FLAGS = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC  # opening a pipe that nobody writes to does not wait


class NotRegular(OSError):
    """The path is a directory, a pipe, a socket or a device."""

    def __init__(self) -> None:
        super().__init__(errno.EINVAL, "not a regular file")


class OpenFile(NamedTuple):
    """An open file. `untraced`: reading it does not change its access time."""

    handle: int
    stat: os.stat_result
    untraced: bool


@contextmanager
def open_regular(path: bytes, *, follow_links: bool = False) -> Iterator[OpenFile]:
    """Open a regular file for reading, without changing its access time if this user may (O_NOATIME, open(2)).

    Raises NotRegular if it is not a regular file, OSError if it cannot be opened; ELOOP for a symbolic link.
    """
    handle, untraced = _open(path, OPEN_FLAGS | (0 if follow_links else os.O_NOFOLLOW))
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise NotRegular
        yield OpenFile(handle, found, untraced)
    finally:
        os.close(handle)


def read_whole(path: bytes, max_bytes: int = -1) -> bytes:
    """Return the bytes of a file that a person named, at most `max_bytes`. Follow links. Raises as open_regular."""
    with open_regular(path, follow_links=True) as opened, open(opened.handle, "rb", buffering=0, closefd=False) as file:
        return file.read(max_bytes)


class Hashed(NamedTuple):
    """The SHA-256 of a file, and its stat result."""

    sha256: bytes
    stat: os.stat_result

    @property
    def inode(self) -> tuple[int, int]:
        """Device and inode: the same for hard links, and for a filesystem that is mounted twice."""
        return self.stat.st_dev, self.stat.st_ino


def hash_from_disk(path: bytes) -> Hashed | None:
    """Hash a regular file; return None if it is not one, or was written meanwhile.

    Its cached pages are dropped first (posix_fadvise(2), POSIX_FADV_DONTNEED), so that the bytes are read from the disk
    as far as the filesystem allows: cached pages do not prove that a copy on disk is intact. Raises OSError if it does
    not exist or cannot be read.
    """
    try:
        with open_regular(path) as opened, open(opened.handle, "rb", buffering=0, closefd=False) as file:
            os.posix_fadvise(opened.handle, 0, 0, os.POSIX_FADV_DONTNEED)
            sha256 = hashlib.file_digest(file, "sha256").digest()
            after = os.fstat(opened.handle)
    except NotRegular:
        return None
    return Hashed(sha256, after) if signature_of(after) == signature_of(opened.stat) else None


def _open(path: bytes, flags: int) -> tuple[int, bool]:
    try:
        return os.open(path, flags | os.O_NOATIME), True
    except PermissionError:  # only the owner may use O_NOATIME
        return os.open(path, flags), False
