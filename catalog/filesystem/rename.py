"""Give a file another name on its filesystem, and never take the place of what stands there."""

import ctypes
import errno
import os
from collections.abc import Callable

from catalog.crash_points import crash_point

AT_FDCWD, RENAME_NOREPLACE = -100, 1  # linux/fcntl.h, linux/fs.h
RENAME_UNSUPPORTED = (errno.EINVAL, errno.ENOSYS)  # NFS, many FUSE filesystems, and libraries without the call
LINK_UNSUPPORTED = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)
RenameFunction = Callable[[bytes, bytes], None]

_libc = ctypes.CDLL(None, use_errno=True)


def rename_noreplace(source: bytes, target: bytes) -> None:
    """renameat2(2) with RENAME_NOREPLACE. Raises OSError; EINVAL or ENOSYS where it cannot be had."""
    call = getattr(_libc, "renameat2", None)
    if call is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if call(AT_FDCWD, ctypes.c_char_p(source), AT_FDCWD, ctypes.c_char_p(target), RENAME_NOREPLACE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), source, None, target)


def hard_link(source: bytes, target: bytes) -> None:
    """A second name for a file, exclusively. Raises OSError."""
    os.link(source, target, follow_symlinks=False)


def move_noreplace(
    source: bytes, target: bytes, rename: RenameFunction = rename_noreplace, link: RenameFunction = hard_link
) -> None:
    """Move a file within its filesystem. A kill leaves it at either place, or at both as one file with two names.

    `rename` is tried first. Where the filesystem knows no exclusive rename, a hard link takes the new place, which is
    exclusive as well, before the old one ends (`link`). Where there are no hard links either, a look has to do.

    Raises:
        OSError: the file is where it was. FileExistsError: the place is taken. EXDEV: it is on another filesystem.
    """
    try:
        rename(source, target)
    except OSError as error:
        if error.errno not in RENAME_UNSUPPORTED:
            raise
    else:
        return
    try:
        link(source, target)
    except OSError as error:
        if error.errno not in LINK_UNSUPPORTED:
            raise
        _rename_after_check(source, target)
    else:
        crash_point("relocate.linked")
        _unlink_source(source, target)


def _unlink_source(source: bytes, target: bytes) -> None:
    try:
        os.unlink(source)
    except OSError:
        os.unlink(target)
        raise


def _rename_after_check(source: bytes, target: bytes) -> None:
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    os.rename(source, target)
