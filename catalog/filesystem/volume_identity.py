"""Identity of volumes, that is, of roots and of the filesystems mounted inside them.

An empty mount point looks like a collection whose files were all deleted. So a root has a marker file, written once by
`catalog init`, and a mount inside it is identified by its filesystem.
"""

import os
import uuid
from typing import NamedTuple

from catalog.errors import error_text
from catalog.filesystem.mounts import Mount, is_remote, mount_of

MARKER_NAME = b".catalogd-root"


class VolumeObservation(NamedTuple):
    """An observation of a volume's path. If two are equal, the same filesystem was mounted in between."""

    problem: str  # why it cannot be read; "" if it can
    marker: str = ""
    filesystem: str = ""
    mounted: bool = False  # the path itself is a mount point
    device: int = 0
    inode: int = 0
    mount_id: int = 0
    remote: bool = False


def observe_volume(path: bytes, mounts: list[Mount]) -> VolumeObservation:
    """Observe a volume's path. Never raises: an error becomes the `problem`."""
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
        return VolumeObservation(problem=error_text(error))


def _filesystem_identity(path: bytes, mount: Mount) -> str:
    # Some network filesystems report no id; their source names the export.
    fsid = os.statvfs(path).f_fsid
    return f"{mount.fstype}:{fsid:x}" if fsid else f"{mount.fstype}:{mount.source}"


def absence_reason(kind: str, identity: str, seen: VolumeObservation) -> str:
    """Return why the volume counts as away; "" if the observation matches its identity. Pure."""
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
    """Return the identity of an observed volume."""
    if kind == "root" and seen.marker:
        return f"marker={seen.marker}"
    return f"filesystem={seen.filesystem}"


def read_marker(root: bytes) -> str:
    """Return the identity in a root's marker file, or "" if there is none."""
    try:
        with open(os.path.join(root, MARKER_NAME), encoding="ascii", errors="replace") as file:
            return file.readline().strip()
    except FileNotFoundError:
        return ""


def write_marker(root: bytes) -> str:
    """Write the marker, the only file that is ever added to a collection; return its identity.

    Return "" if it cannot be written: a read-only root is identified by its filesystem.
    """
    identity = str(uuid.uuid4())
    try:
        existing = read_marker(root)
        if existing:
            return existing
        with open(os.path.join(root, MARKER_NAME), "x", encoding="ascii") as file:
            file.write(f"{identity}\ncatalogd recognises this directory by this file: please leave it here.\n")
    except OSError:
        return ""
    return identity
