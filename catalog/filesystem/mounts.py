"""Which filesystem a path lives on, and whether that filesystem can tell us of every change.

Source of the format: proc_pid_mountinfo(5). In the catalog layer because `init` and `doctor` need it without the
service.
"""

import os
import re
from collections.abc import Sequence
from typing import NamedTuple

# Network, cluster and guest filesystems: another machine changes files and no event fires here (inotify(7),
# "Limitations and caveats"). virtiofs, vboxsf, vmhgfs and prl_fs are the same case, with the host as the other
# machine.
_NETWORK = frozenset(("9p", "afs", "cifs", "coda", "ncpfs", "smb2", "smb3", "smbfs"))
_CLUSTER = frozenset(("ceph", "gfs2", "glusterfs", "gpfs", "lustre", "ocfs2", "orangefs", "pvfs2"))
_GUEST = frozenset(("prl_fs", "vboxsf", "virtiofs", "vmhgfs"))
_REMOTE = _NETWORK | _CLUSTER | _GUEST | {"fuse"}
_ESCAPE = re.compile(rb"\\([0-7]{3})")


class Mount(NamedTuple):
    """One visible mount. `device` is what `os.stat(path).st_dev` gives, `mount_id` is unique while it is mounted."""

    path: bytes
    fstype: str
    source: str
    device: int
    mount_id: int


def read_mounts() -> list[Mount]:
    """The mounts this process sees now. Raises OSError where /proc is not mounted."""
    with open("/proc/self/mountinfo", "rb") as table:
        return parse_mountinfo(table.read())


def parse_mountinfo(text: bytes) -> list[Mount]:
    """The visible mounts, in the kernel's order; of several on one path only the last, which is the one on top."""
    parsed = [entry for line in text.splitlines() if (entry := _parse_line(line)) is not None]
    visible = _without_hidden(parsed)
    last = {mount.path: mount for mount in visible}
    return [mount for mount in visible if last[mount.path] is mount]


def mount_of(path: bytes, mounts: Sequence[Mount]) -> Mount:
    """The mount that holds `path` (absolute, without symbolic links): the longest prefix on component boundaries.

    Raises LookupError when no mount holds it, which a real table (it has `/`) never does.
    """
    best: Mount | None = None
    for mount in mounts:
        if _holds(mount.path, path) and (best is None or len(mount.path) >= len(best.path)):
            best = mount
    if best is None:
        raise LookupError(f"no mount holds {os.fsdecode(path)}")
    return best


def mounts_below(root: bytes, mounts: Sequence[Mount]) -> list[Mount]:
    """The mounts strictly below `root`: their files come and go with a mount of their own."""
    return [mount for mount in mounts if mount.path != _trimmed(root) and _holds(root, mount.path)]


def is_remote(mount: Mount) -> bool:
    """Whether files can change without an event here, so that only scanning on a timer finds it.

    FUSE counts as remote (sshfs, rclone, s3fs; mergerfs too, whose branches change underneath), except `fuseblk`:
    ntfs-3g owns its block device, so each change passes through this kernel (Linux Documentation/filesystems/fuse.rst).
    `overlay` is local: changes through it fire, and changing a layer underneath is undefined by its own documentation
    (Documentation/filesystems/overlayfs.rst, "Changes to underlying filesystems"); the hourly scan sees those.
    """
    kind = mount.fstype
    return kind.startswith(("nfs", "fuse.")) or kind in _REMOTE


def _holds(mount: bytes, path: bytes) -> bool:
    mount = _trimmed(mount)
    return path == mount or path.startswith(mount if mount == b"/" else mount + b"/")


def _trimmed(path: bytes) -> bytes:
    return path.rstrip(b"/") or b"/"


def _parse_line(line: bytes) -> tuple[int, Mount] | None:
    """The parent's mount id and the mount; None for a line that is not of the documented form."""
    before, dash, after = line.partition(b" - ")
    fields, rest = before.split(b" "), after.split(b" ")
    if not dash or len(fields) < 6 or len(rest) < 2:
        return None
    major, _, minor = fields[2].partition(b":")
    try:
        ids = int(fields[0]), int(fields[1]), os.makedev(int(major), int(minor))
    except ValueError:
        return None
    path, source = _unescaped(fields[4]), os.fsdecode(_unescaped(rest[1]))
    return ids[1], Mount(path, os.fsdecode(rest[0]), source, ids[2], ids[0])


def _unescaped(field: bytes) -> bytes:
    return _ESCAPE.sub(lambda found: bytes([int(found[1], 8) & 0xFF]), field)


def _without_hidden(entries: Sequence[tuple[int, Mount]]) -> list[Mount]:
    """Leaves out mounts that another mount covers from above: /a/b is still listed after something mounts on /a."""
    over = {(parent, mount.path) for parent, mount in entries}
    parents = {mount.mount_id: (parent, mount.path) for parent, mount in entries}
    hidden: dict[int, bool] = {}

    def is_hidden(mount_id: int) -> bool:
        if mount_id not in parents:
            return False
        if mount_id not in hidden:
            hidden[mount_id] = False  # a table read while it changes may hold a cycle
            parent, path = parents[mount_id]
            hidden[mount_id] = any((parent, above) in over for above in _ancestors(path)) or is_hidden(parent)
        return hidden[mount_id]

    return [mount for _, mount in entries if not is_hidden(mount.mount_id)]


def _ancestors(path: bytes) -> list[bytes]:
    """`/a` and, of `/a/b/c`, `/a/b`; never `/`, which is a mount's own root far more often than a cover."""
    parts = path.split(b"/")
    return [b"/".join(parts[:end]) for end in range(2, len(parts))]
