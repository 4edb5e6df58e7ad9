"""Which paths lead to the same disk or to the same file: bind mounts, snapshots, symbolic links, other spellings."""

import ctypes
import errno
import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from catalog.filesystem.mounts import Mount, mount_of
from catalog.filesystem.paths import split_path

NESTED_SUBVOLUMES = ("btrfs",)  # subvolumes need no mount of their own: each has its own device number
SAME_FILE = "is the same file under another name"
_libc = ctypes.CDLL(None, use_errno=True)


class Disk(NamedTuple):
    """The filesystem that holds a folder.

    `device`: st_dev, within which an inode number is one file. `names`: its id and its source, which snapshots of
    Btrfs, ZFS and LVM share with it. `nests`: a folder below may be on another subvolume.
    """

    device: int
    names: frozenset[str]
    read_only: bool
    nests: bool = False


class DirectoryEntry(NamedTuple):
    """Device and inode of a directory, and a name in it: equal for two paths to one entry, not for hard links."""

    device: int
    inode: int
    name: bytes


def disk_of(folder: bytes, mounts: Sequence[Mount]) -> Disk | None:
    """Return the filesystem that holds a folder; None if it cannot be looked at."""
    try:
        device, found = os.stat(folder).st_dev, os.statvfs(folder)
    except OSError:
        return None
    mount = mount_of(os.path.realpath(folder), mounts)
    names = {f"device {device}"} | ({f"{mount.fstype}:{found.f_fsid:x}"} if found.f_fsid else set())
    if "/" in mount.source:  # not "none" or "tmpfs"
        names.add(mount.source.partition("@")[0] if mount.fstype == "zfs" else mount.source)  # pool/set@snapshot
    read_only = bool(found.f_flag & os.ST_RDONLY) or _refuses_writes(folder)
    return Disk(device, frozenset(names), read_only, mount.fstype in NESTED_SUBVOLUMES)


def _refuses_writes(folder: bytes) -> bool:
    """Return whether a folder is read-only whoever asks, as in a snapshot of Btrfs, which statvfs(2) does not tell."""
    return _libc.access(ctypes.c_char_p(folder), os.W_OK) != 0 and ctypes.get_errno() == errno.EROFS


def is_snapshot_of(disk: Disk, other: Disk) -> bool:
    """Return whether `disk` is a read-only view of what can be written as `other`. Pure.

    It fails with that disk, and expires when its owner or a schedule says so.
    """
    return disk.read_only and not other.read_only and not disk.names.isdisjoint(other.names)


def directory_entries(paths: Iterable[bytes]) -> dict[bytes, DirectoryEntry]:
    """Return the directory entry of each path to one file. Paths whose folder cannot be looked at are left out.

    A name that its folder does not list as written is another spelling of one that it does: filesystems may ignore
    case, or the form of Unicode.
    """
    folders: dict[tuple[int, int], list[tuple[bytes, bytes]]] = {}
    for path in paths:
        try:
            found = os.stat(split_path(path)[0])
        except OSError:
            continue
        folders.setdefault((found.st_dev, found.st_ino), []).append(split_path(path))
    return {
        os.path.join(folder, name): DirectoryEntry(*inode, spellings[name])
        for inode, members in folders.items()
        for spellings in [_listed_spellings(members[0][0], {name for _, name in members})]
        for folder, name in members
    }


def _listed_spellings(folder: bytes, names: set[bytes]) -> dict[bytes, bytes]:
    """Return the name that the folder lists for each of the names, which all lead to one file."""
    if len(names) == 1:
        return {name: name for name in names}
    try:
        listed = names.intersection(os.listdir(folder))
    except OSError:
        listed = names
    return {name: name if name in listed else min(listed, default=b"") for name in names}
