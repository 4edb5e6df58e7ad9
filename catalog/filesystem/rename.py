"""Give a file another name on its filesystem, and never take the place of what stands there."""

import ctypes
import errno
import os
from collections.abc import Callable

from catalog.crash_points import point

AT_FDCWD, RENAME_NOREPLACE = -100, 1  # linux/fcntl.h, linux/fs.h
UNKNOWN_FLAG = (errno.EINVAL, errno.ENOSYS)  # NFS, many FUSE filesystems, and libraries without the call
NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
Rename = Callable[[bytes, bytes], None]

_libc = ctypes.CDLL(None, use_errno=True)


def rename_exclusively(source: bytes, target: bytes) -> None:
    """renameat2(2) with RENAME_NOREPLACE. Raises OSError; EINVAL or ENOSYS where it cannot be had."""
    call = getattr(_libc, "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(AT_FDCWD, ctypes.c_char_p(source), AT_FDCWD, ctypes.c_char_p(target), RENAME_NOREPLACE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), source, None, target)


def link(source: bytes, target: bytes) -> None:
    """A second name for a file, exclusively. Raises OSError."""
    os.link(source, target, follow_symlinks=False)


def relocate(source: bytes, target: bytes, rename: Rename = rename_exclusively, link: Rename = link) -> None:
    """Move a file within its filesystem. A kill leaves it at either place, or at both as one file with two names.

    `rename` is tried first. Where the filesystem knows no exclusive rename, a hard link takes the new place, which is
    exclusive as well, before the old one ends (`link`). Where there are no hard links either, a look has to do.

    Raises:
        OSError: the file is where it was. FileExistsError: the place is taken. EXDEV: it is on another filesystem.
    """
    try:
        rename(source, target)
    except OSError as error:
        if error.errno not in UNKNOWN_FLAG:
            raise
    else:
        return
    try:
        link(source, target)
    except OSError as error:
        if error.errno not in NO_LINKS:
            raise
        _rename_after_a_look(source, target)
    else:
        point("relocate.linked")
        _end(source, target)


def _end(source: bytes, target: bytes) -> None:
    try:
        os.unlink(source)
    except OSError:
        os.unlink(target)
        raise


def _rename_after_a_look(source: bytes, target: bytes) -> None:
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    os.rename(source, target)
