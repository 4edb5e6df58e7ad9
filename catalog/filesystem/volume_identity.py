"""Roots and the filesystems mounted inside them, known by identity and never by path alone.

An empty mount point looks just like a collection whose files were all deleted. So a root carries a marker file,
written once by `catalog init`, and a sub-mount is known by its filesystem's own identity.
"""

import os
import uuid
from typing import NamedTuple

from catalog.filesystem.mounts import Mount, is_remote, mount_of

MARKER_NAME = b".catalogd-root"


class VolumeObservation(NamedTuple):
    """What stands at a volume's path now. Two equal ones mean: the same thing was mounted all along."""

    problem: str  # why it cannot be read; "" if it can
    marker: str = ""
    filesystem: str = ""
    mounted: bool = False  # the path itself is a mount point
    device: int = 0
    inode: int = 0
    mount_id: int = 0
    remote: bool = False


def observe_volume(path: bytes, mounts: list[Mount]) -> VolumeObservation:
    """Look at a volume's path. Never raises: what cannot be looked at is the `problem`."""
    mount = mount_of(path, mounts)
    try:
        found = os.stat(path)
        os.close(os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC))
        return VolumeObservation(
            problem="",
            marker=read_marker(path),
            filesystem=_filesystem_identity(path, mount),
            mounted=mount.path == path,
            device=found.st_dev,
            inode=found.st_ino,
            mount_id=mount.mount_id,
            remote=is_remote(mount),
        )
    except OSError as error:
        return VolumeObservation(problem=os.strerror(error.errno or 0).lower())


def _filesystem_identity(path: bytes, mount: Mount) -> str:
    # Some network filesystems report no id at all; their source names the export.
    fsid = os.statvfs(path).f_fsid
    return f"{mount.fstype}:{fsid:x}" if fsid else f"{mount.fstype}:{mount.source}"


def absence_reason(kind: str, identity: str, seen: VolumeObservation) -> str:
    """Why the volume counts as away, or "" if what stands there is it. Pure."""
    if seen.problem:
        return seen.problem
    if kind == "mount" and not seen.mounted:
        return "not mounted"
    name, _, value = identity.partition("=")
    if name == "marker":
        if not seen.marker:
            return f"its marker {MARKER_NAME.decode()} is missing: not mounted, or another disk"
        return "" if seen.marker == value else "another collection is mounted there"
    return "" if seen.filesystem == value else "another filesystem is mounted there"


def volume_identity(kind: str, seen: VolumeObservation) -> str:
    """The identity to remember a volume by."""
    if kind == "root" and seen.marker:
        return f"marker={seen.marker}"
    return f"filesystem={seen.filesystem}"


def read_marker(root: bytes) -> str:
    """The identity in a root's marker file, or "" if it has none."""
    try:
        with open(os.path.join(root, MARKER_NAME), encoding="ascii", errors="replace") as file:
            return file.readline().strip()
    except FileNotFoundError:
        return ""


def write_marker(root: bytes) -> str:
    """Write the marker, the one file that is ever added to a collection; returns its identity.

    Returns "" where the root is read-only: the filesystem's identity has to do then.
    """
    known = read_marker(root)
    if known:
        return known
    fresh = str(uuid.uuid4())
    try:
        with open(os.path.join(root, MARKER_NAME), "x", encoding="ascii") as file:
            file.write(f"{fresh}\ncatalogd knows this directory by this file: please leave it here.\n")
    except OSError:
        return ""
    return fresh
