"""The mount table (proc_pid_mountinfo(5)): which mount holds a path, and whether the kernel reports its changes."""

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

from catalog.filesystem.paths import at_or_inside, inside

# Network, cluster and guest filesystems: another machine changes files, and no event occurs here (inotify(7),
# "Limitations and caveats"). For virtiofs, vboxsf, vmhgfs and prl_fs the other machine is the host.
_NETWORK = frozenset(("9p", "afs", "cifs", "coda", "ncpfs", "smb2", "smb3", "smbfs"))
_CLUSTER = frozenset(("ceph", "gfs2", "glusterfs", "gpfs", "lustre", "ocfs2", "orangefs", "pvfs2"))
_GUEST = frozenset(("prl_fs", "vboxsf", "virtiofs", "vmhgfs"))
_REMOTE = _NETWORK | _CLUSTER | _GUEST | {"fuse"}
_ESCAPE = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """A visible mount. `device`: st_dev of its files. `mount_id`: unique while it is mounted."""

    path: bytes
    fstype: str
    source: str
    device: int
    mount_id: int


def read_mounts() -> list[Mount]:
    """Return the mounts that this process sees now. Raises OSError if /proc is not mounted."""
    with open("/proc/self/mountinfo", "rb") as table:
        return parse_mountinfo(table.read())


def parse_mountinfo(text: bytes) -> list[Mount]:
    """Return the visible mounts in the kernel's order; of several on one path only the last, which hides the others."""
    parsed = [entry for line in text.splitlines() if (entry := _parse_line(line)) is not None]
    visible = _without_hidden(parsed)
    topmost = {mount.path: mount for mount in visible}
    return [mount for mount in visible if topmost[mount.path] is mount]


def mount_of(path: bytes, mounts: Sequence[Mount]) -> Mount:
    """Return the mount that holds `path` (absolute, without symbolic links): the longest prefix of whole components.

    Raises LookupError if there is none, which cannot happen with a real table, since that contains `/`.
    """
    innermost: Mount | None = None
    for mount in mounts:
        if at_or_inside(path, mount.path) and (innermost is None or len(mount.path) >= len(innermost.path)):
            innermost = mount
    if innermost is None:
        raise LookupError(f"no mount holds {os.fsdecode(path)}")
    return innermost


def mounts_below(root: bytes, mounts: Sequence[Mount]) -> list[Mount]:
    """Return the mounts strictly below `root`, whose files come and go independently of it."""
    root = root.rstrip(b"/") or b"/"
    return [mount for mount in mounts if inside(mount.path, root)]


def is_remote(mount: Mount) -> bool:
    """Return whether files can change without an event here, so that only regular scans notice.

    FUSE counts as remote (sshfs, rclone, s3fs; also mergerfs, whose branches may change directly), except `fuseblk`:
    ntfs-3g owns its block device, so each change passes through this kernel (Linux Documentation/filesystems/fuse.rst).
    `overlay` is local: changes through it cause events, and changing a layer directly is undefined by its documentation
    (Documentation/filesystems/overlayfs.rst, "Changes to underlying filesystems"); the hourly scan finds those.
    """
    fstype = mount.fstype
    return fstype.startswith(("nfs", "fuse.")) or fstype in _REMOTE


def _parse_line(line: bytes) -> tuple[int, Mount] | None:
    """Return the id of the parent mount, and the mount; None for a line that does not have the documented format."""
    before, _, after = line.partition(b" - ")
    try:
        mount_id, parent, device, _root, path, _options, *_ = before.split(b" ")
        fstype, source, *_ = after.split(b" ")
        major, _, minor = device.partition(b":")
        mount = Mount(
            path=_unescape(path),
            fstype=os.fsdecode(fstype),
            source=os.fsdecode(_unescape(source)),
            device=os.makedev(int(major), int(minor)),
            mount_id=int(mount_id),
        )
        return int(parent), mount
    except ValueError:
        return None


def _unescape(field: bytes) -> bytes:
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 8) & 0xFF]), field)


def _without_hidden(entries: Sequence[tuple[int, Mount]]) -> list[Mount]:
    """Drop mounts that a later mount hides: /a/b is still listed after another mount on /a."""
    covers = {(parent, mount.path) for parent, mount in entries}
    parents = {mount.mount_id: (parent, mount.path) for parent, mount in entries}
    hidden: dict[int, bool] = {}

    def is_hidden(mount_id: int) -> bool:
        if mount_id not in parents:
            return False
        if mount_id not in hidden:
            hidden[mount_id] = False  # a table read while it changes may hold a cycle
            parent, path = parents[mount_id]
            hidden[mount_id] = any((parent, above) in covers for above in _ancestors(path)) or is_hidden(parent)
        return hidden[mount_id]

    return [mount for _, mount in entries if not is_hidden(mount.mount_id)]


def _ancestors(path: bytes) -> list[bytes]:
    """Return `/a` and `/a/b` for `/a/b/c`; never `/`, which is rarely mounted over."""
    parts = path.split(b"/")
    return [b"/".join(parts[:end]) for end in range(2, len(parts))]
