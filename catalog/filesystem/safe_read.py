"""The bytes of a file as they are now: hashed through one handle, with what the system says of it.

All bytes of a file that somebody named.
"""

import hashlib
import os
import stat
from typing import NamedTuple

from catalog.filesystem.stat_signature import signature


def read_whole(path: bytes) -> bytes:
    """Links are followed; a pipe that nobody writes to is empty, and does not keep us waiting. Raises OSError."""
    handle = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(handle, "rb", buffering=0) as file:
        return file.readall()


FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Bytes(NamedTuple):
    """`sha256` of the bytes, and the file that they are in."""

    sha256: bytes
    stat: os.stat_result

    @property
    def inode(self) -> tuple[int, int]:
        """The same for hard links, and for one filesystem that is mounted twice on this machine."""
        return self.stat.st_dev, self.stat.st_ino


def rehash(path: bytes) -> Bytes | None:
    """Hash a regular file; None where something else stands, or it was written meanwhile.

    What memory holds of it is let go first (posix_fadvise(2), POSIX_FADV_DONTNEED), so that the bytes come from the
    disk as far as its filesystem allows: what is cached proves nothing of a copy that is to be relied on.

    Raises:
        OSError: it cannot be read, or is not there.
    """
    handle = _open(path)
    with os.fdopen(handle, "rb", buffering=0) as file:
        before = os.fstat(handle)
        if not stat.S_ISREG(before.st_mode):
            return None
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        sha256 = hashlib.file_digest(file, "sha256").digest()
        after = os.fstat(handle)
    return Bytes(sha256, after) if signature(after) == signature(before) else None


def _open(path: bytes) -> int:
    try:
        return os.open(path, FLAGS | os.O_NOATIME)
    except PermissionError:  # only the owner may read without a trace
        return os.open(path, FLAGS)
