"""Open and hash regular files: follow no link, wait for nothing, and leave no trace where possible."""

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
    """A directory, a pipe, a socket or a device stands at the path."""

    def __init__(self) -> None:
        super().__init__(errno.EINVAL, "not a regular file")


class OpenFile(NamedTuple):
    """`stat`: of the open file. `untraced`: reading it leaves its access time alone, which only its owner can have."""

    handle: int
    stat: os.stat_result
    untraced: bool


@contextmanager
def open_regular(path: bytes, *, follow_links: bool = False) -> Iterator[OpenFile]:
    """Open a regular file for reading, without changing its access time where that is allowed (O_NOATIME, open(2)).

    Raises:
        NotRegular: something else stands at the path. OSError: it cannot be opened; ELOOP for a symbolic link.
    """
    handle, untraced = _open(path, OPEN_FLAGS | (0 if follow_links else os.O_NOFOLLOW))
    try:
        found = os.fstat(handle)
        if not stat.S_ISREG(found.st_mode):
            raise NotRegular
        yield OpenFile(handle, found, untraced)
    finally:
        os.close(handle)


def read_whole(path: bytes, most: int | None = None) -> bytes:
    """Return all bytes of a file that somebody named, or the first `most`. Follow links. Raises as open_regular."""
    with open_regular(path, follow_links=True) as opened, open(opened.handle, "rb", buffering=0, closefd=False) as file:
        return file.readall() if most is None else file.read(most)


class Hashed(NamedTuple):
    """`sha256` of the bytes, and the stat result of the file that they are in."""

    sha256: bytes
    stat: os.stat_result

    @property
    def inode(self) -> tuple[int, int]:
        """The same for hard links, and for one filesystem that is mounted twice on this machine."""
        return self.stat.st_dev, self.stat.st_ino


def hash_from_disk(path: bytes) -> Hashed | None:
    """Hash a regular file; None where something else stands, or it was written meanwhile.

    What memory holds of it is let go first (posix_fadvise(2), POSIX_FADV_DONTNEED), so that the bytes come from the
    disk as far as its filesystem allows: what is cached proves nothing of a copy that is to be relied on.

    Raises:
        OSError: it cannot be read, or is not there.
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
    except PermissionError:
        return os.open(path, flags), False
