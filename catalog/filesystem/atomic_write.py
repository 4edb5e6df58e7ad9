"""Writing that survives a kill and a power cut: the old file or the new one, never a part of one."""

import os
from pathlib import Path

from catalog.errors import ResourceError


def replace_durably(part: Path, target: Path) -> None:
    """Give a file that was written under another name on the same disk its own, once all of it is on that disk.

    Raises:
        OSError: it could not be; `target` is as it was.
    """
    handle = os.open(part, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
    part.replace(target)
    fsync_directory(target.parent)


def fsync_directory(folder: Path) -> None:
    """Names are on the disk only once their folder is (fsync(2)). Raises OSError."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def inherit_owner(path: Path) -> None:
    """What root makes in the service's folder is to belong to the service, as SQLite does it for its own files.

    Where it does already, nothing is asked for: a service that runs as root, without root's privileges, may not.
    """
    if os.geteuid() == 0:
        owner, made = os.stat(path.parent), os.stat(path, follow_symlinks=False)
        if (owner.st_uid, owner.st_gid) == (made.st_uid, made.st_gid):
            return
        os.chown(path, owner.st_uid, owner.st_gid, follow_symlinks=False)


def make_private_directory(path: Path) -> None:
    """A folder of the service's own inside the state directory; one that is there is left alone. Raises PlaceFault."""
    try:
        if not path.is_dir():
            path.mkdir(mode=0o700)
            inherit_owner(path)
    except OSError as error:
        raise ResourceError(
            f"cannot make {path}: {os.strerror(error.errno or 0).lower()}",
            f"See that {path.parent} is writable for this user.",
        ) from error


def file_size(path: Path) -> int | None:
    """Bytes of a file; None where there is none, -1 where it cannot be looked at: opening it will tell why."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
    except OSError:
        return -1
