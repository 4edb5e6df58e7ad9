"""What `lstat` tells of a file without reading it, in the form that the catalog stores."""

import os
import stat
from typing import NamedTuple

INT64_LIMIT = 1 << 63  # an integer n of SQLite has 64 bits with the sign: -INT64 <= n < INT64
Nanoseconds = int | str  # since the epoch, in decimal digits where an SQLite integer cannot hold them


class Signature(NamedTuple):
    """A tuple, not a dataclass: a scan builds and compares one for each of ten million files.

    The inode stands apart from the rest in every comparison: network filesystems renumber on each mount. To calculate
    with a time, take `int(mtime_ns)`.
    """

    size: int
    mtime_ns: Nanoseconds
    ctime_ns: Nanoseconds
    inode: int

    @property
    def stamp(self) -> tuple[int, Nanoseconds, Nanoseconds]:
        """What changes whenever bytes are written by ordinary means."""
        return self[:3]


UNKNOWN_SIGNATURE = Signature(0, 0, 0, 0)  # of what stands there and cannot be looked at


def signature_of(found: os.stat_result) -> Signature:
    """Return the signature in a stat result."""
    return make_signature(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def make_signature(size: int, mtime_ns: int, ctime_ns: int, inode: int) -> Signature:
    """Return the numbers of a stat result as the catalog stores them. Two different ones never become the same.

    A size fits as it is: the kernel's `loff_t` is signed. An inode is unsigned, and where it is a hash (mergerfs) half
    of them are 2^63 or more: it is stored as the signed number of the same 64 bits. A time has 64 bits of seconds and
    nanoseconds beside them, 94 bits in all: see `_nanoseconds`.
    """
    signed = inode if inode < INT64_LIMIT else inode - 2 * INT64_LIMIT
    return Signature(size, _nanoseconds(mtime_ns), _nanoseconds(ctime_ns), signed)


def _nanoseconds(time_ns: int) -> Nanoseconds:
    """Return the number where SQLite's integers reach, from 1677 to 2262, else its decimal digits.

    1601 (an empty Windows date) and 2446 (ext4's last second) are beyond. Each of the 2^64 integers is a time within,
    so none is free to stand for one beyond. Text never equals an integer, in Python or in a column of type ANY.
    """
    return time_ns if -INT64_LIMIT <= time_ns < INT64_LIMIT else str(time_ns)


def lstat_or_none(path: bytes) -> os.stat_result | None:
    """`lstat`, or None where there is no such path any more. Raises OSError where nobody can tell."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def is_missing(path: bytes) -> bool:
    """Whether there certainly is nothing at `path`. A path that cannot be looked at has not vanished."""
    try:
        return lstat_or_none(path) is None
    except OSError:
        return False


def file_kind(found: os.stat_result) -> str:
    """One of file, directory, symlink, special."""
    mode = found.st_mode
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "symlink" if stat.S_ISLNK(mode) else "special"
