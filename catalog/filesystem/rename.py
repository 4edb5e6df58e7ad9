"""Move a file within its filesystem without ever replacing another one."""

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
    """Call renameat2(2) with RENAME_NOREPLACE. Raises OSError; EINVAL or ENOSYS if it is not supported."""
    renameat2 = getattr(_libc, "renameat2", None)
    if renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if renameat2(AT_FDCWD, ctypes.c_char_p(source), AT_FDCWD, ctypes.c_char_p(target), RENAME_NOREPLACE):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), source, None, target)


def hard_link(source: bytes, target: bytes) -> None:
    """Create a hard link; never replaces a file. Raises OSError."""
    os.link(source, target, follow_symlinks=False)


def move_noreplace(
    source: bytes, target: bytes, rename: RenameFunction = rename_noreplace, link: RenameFunction = hard_link
) -> None:
    """Move a file within its filesystem. A crash leaves it at one path, or at both as hard links.

    `rename` is tried first. On a filesystem without exclusive rename, a hard link is created at the new path, which is
    exclusive too, and then the old path is removed (`link`). On one without hard links, check and then rename. Raises
    OSError, and the file is at its old path then: FileExistsError if `target` exists, EXDEV if it is on another
    filesystem.
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
