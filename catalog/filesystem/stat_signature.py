"""Signatures of files from `lstat`: size, times and inode, in the form that the catalog stores."""

import os
import stat
from typing import NamedTuple

INT64_LIMIT = 1 << 63  # integers of SQLite: -INT64_LIMIT <= n < INT64_LIMIT
Nanoseconds = int | str  # since the epoch; decimal digits if an SQLite integer cannot hold them


class Signature(NamedTuple):
    """The signature of a file. A tuple, not a dataclass: a scan builds and compares one for each of ten million files.

    The inode is always compared separately: network filesystems renumber inodes on each mount. To calculate with a
    time, use `int(mtime_ns)`.
    """

    size: int
    mtime_ns: Nanoseconds
    ctime_ns: Nanoseconds
    inode: int

    @property
    def stamp(self) -> tuple[int, Nanoseconds, Nanoseconds]:
        """The part that changes whenever bytes are written by ordinary means."""
        return self[:3]


UNKNOWN_SIGNATURE = Signature(0, 0, 0, 0)  # of a path that cannot be looked at


def signature_of(found: os.stat_result) -> Signature:
    """Return the signature from a stat result."""
    return make_signature(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def make_signature(size: int, mtime_ns: int, ctime_ns: int, inode: int) -> Signature:
    """Return the numbers of a stat result as the catalog stores them. Different numbers stay different.

    A size always fits: the kernel's `loff_t` is signed. An inode is unsigned, and half of those that are hashes
    (mergerfs) are 2^63 or more: it is stored as the signed number with the same 64 bits. A time has 64 bits of seconds
    and 30 bits of nanoseconds: see `_nanoseconds`.
    """
    signed = inode if inode < INT64_LIMIT else inode - 2 * INT64_LIMIT
    return Signature(size, _nanoseconds(mtime_ns), _nanoseconds(ctime_ns), signed)


def _nanoseconds(time_ns: int) -> Nanoseconds:
    """Return the number if it fits an SQLite integer, that is, from 1677 to 2262; else its decimal digits.

    1601 (an empty Windows date) and 2446 (the last second of ext4) do not fit. Every 64-bit integer is a valid time, so
    none is free to represent one outside. Text never equals an integer, in Python or in a column of type ANY.
    """
    return time_ns if -INT64_LIMIT <= time_ns < INT64_LIMIT else str(time_ns)


def lstat_or_none(path: bytes) -> os.stat_result | None:
    """Return `lstat` of a path, or None if it does not exist. Raises OSError if that cannot be determined."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def signature_at(path: bytes) -> Signature | None:
    """Return the signature of what is at a path; None if nothing is, or it cannot be looked at."""
    try:
        return signature_of(os.lstat(path))
    except OSError:
        return None


def file_kind(found: os.stat_result) -> str:
    """Return file, directory, symlink or special."""
    mode = found.st_mode
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "symlink" if stat.S_ISLNK(mode) else "special"
