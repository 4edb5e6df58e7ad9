"""What `lstat` tells of a file without reading it."""

import os
import stat
from typing import NamedTuple


class Signature(NamedTuple):
    """A tuple, not a dataclass: a scan builds and compares one for each of ten million files.

    The inode stands apart from the rest in every comparison: network filesystems renumber on each mount.
    """

    size: int
    mtime_ns: int
    ctime_ns: int
    inode: int

    @property
    def stamp(self) -> tuple[int, int, int]:
        """What changes whenever bytes are written by ordinary means."""
        return self[:3]


UNSEEN = Signature(0, 0, 0, 0)  # of what stands there and cannot be looked at


def signature(found: os.stat_result) -> Signature:
    """The signature in a stat result."""
    return Signature(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)


def look(path: bytes) -> os.stat_result | None:
    """`lstat`, or None where there is no such path any more. Raises OSError where nobody can tell."""
    try:
        return os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def vanished(path: bytes) -> bool:
    """Whether there certainly is nothing at `path`. A path that cannot be looked at has not vanished."""
    try:
        return look(path) is None
    except OSError:
        return False


def kind(found: os.stat_result) -> str:
    """One of file, directory, symlink, special."""
    mode = found.st_mode
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "symlink" if stat.S_ISLNK(mode) else "special"
