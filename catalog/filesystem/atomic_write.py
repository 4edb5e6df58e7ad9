"""Atomic file replacement: after a crash or power failure there is the old file or the new one, never a part."""

import os
from pathlib import Path

from catalog.errors import resource_errors


def replace_durably(part: Path, target: Path) -> None:
    """Sync a file and rename it to `target`, on the same filesystem. Raises OSError; `target` is unchanged then."""
    _fsync(part)
    part.replace(target)
    fsync_directory(target.parent)


def fsync_directory(folder: Path | bytes) -> None:
    """Sync a directory: until then a new name in it may not survive a crash (fsync(2)). Raises OSError."""
    _fsync(folder, os.O_DIRECTORY)


def _fsync(path: Path | bytes, flags: int = 0) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def inherit_owner(path: Path) -> None:
    """Give a file that root created to the owner of its directory, as SQLite does with its own files.

    A file with the right owner is left alone: root in a service without CAP_CHOWN could not change it anyway.
    """
    if os.geteuid() == 0:
        parent, created = os.stat(path.parent), os.stat(path, follow_symlinks=False)
        if (parent.st_uid, parent.st_gid) != (created.st_uid, created.st_gid):
            os.chown(path, parent.st_uid, parent.st_gid, follow_symlinks=False)


def make_private_directory(path: Path) -> None:
    """Create a directory of mode 700 inside the state directory, unless it exists. Raises ResourceError."""
    with resource_errors(f"cannot create {path}", f"Check that {path.parent} is writable for this user."):
        if not path.is_dir():
            path.mkdir(mode=0o700)
            inherit_owner(path)


def file_size(path: Path) -> int | None:
    """Return the size of a file in bytes; None if there is none, -1 if unknown: opening it will report why."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
    except OSError:
        return -1
