"""The mount table: escapes, hidden mounts, prefixes, and which filesystems are remote."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.filesystem.mounts import Mount, is_remote, mount_of, mounts_below, parse_mountinfo, read_mounts

TABLE = rb"""22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
23 22 0:21 / /proc rw,nosuid - proc proc rw
30 22 0:45 / /srv/photos rw,relatime shared:7 master:2 - nfs4 nas:/photos rw,vers=4.2
31 22 8:17 / /srv/with\040space\134and\012newline rw - ext4 /dev/disk\040one rw
32 22 8:33 / /srv/photo rw - xfs /dev/sdc1 rw
40 22 8:49 / /mnt rw - ext4 /dev/sdd1 rw
41 40 8:65 / /mnt rw - btrfs /dev/sde1 rw
"""


def paths(mounts: list[Mount]) -> list[bytes]:
    return [mount.path for mount in mounts]


def mount_in_table(path: bytes) -> Mount:
    return mount_of(path, parse_mountinfo(TABLE))


def test_the_fields_of_a_line_are_parsed() -> None:
    assert mount_in_table(b"/srv/photos") == Mount(b"/srv/photos", "nfs4", "nas:/photos", os.makedev(0, 45), 30)


def test_escapes_are_decoded() -> None:
    mount = mount_in_table(b"/srv/with space\\and\nnewline/file")
    assert (mount.path, mount.source) == (b"/srv/with space\\and\nnewline", "/dev/disk one")


def test_only_the_last_mount_on_a_path_is_visible() -> None:
    assert mount_in_table(b"/mnt/x").fstype == "btrfs"
    assert paths(parse_mountinfo(TABLE)).count(b"/mnt") == 1


def test_a_mount_hidden_by_another_is_left_out() -> None:
    table = TABLE + b"50 22 8:81 / /srv rw - ext4 /dev/sdf1 rw\n51 50 8:82 / /srv/new rw - ext4 /dev/sdg1 rw\n"
    mounts = parse_mountinfo(table)
    assert mount_of(b"/srv/photos/x", mounts).path == b"/srv"
    assert paths(mounts_below(b"/srv", mounts)) == [b"/srv/new"]


def test_only_whole_components_match() -> None:
    assert mount_in_table(b"/srv/photo/x").path == b"/srv/photo"
    assert mount_in_table(b"/srv/photographs").path == b"/"
    assert mount_in_table(b"/srv/photos").path == b"/srv/photos"


def test_mounts_below_a_root_exclude_the_root() -> None:
    below = mounts_below(b"/srv/photo/", parse_mountinfo(TABLE))
    assert below == []
    assert set(paths(mounts_below(b"/srv", parse_mountinfo(TABLE)))) > {b"/srv/photo", b"/srv/photos"}
    assert b"/" not in paths(mounts_below(b"/", parse_mountinfo(TABLE)))
    assert b"/mnt" in paths(mounts_below(b"/", parse_mountinfo(TABLE)))


def test_a_path_outside_all_mounts_raises() -> None:
    with pytest.raises(LookupError):
        mount_of(b"/x", [])


@pytest.mark.parametrize(
    ("fstype", "remote"),
    [
        *((kind, True) for kind in ("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "ceph", "afs", "lustre", "virtiofs")),
        *((kind, True) for kind in ("fuse", "fuse.sshfs", "fuse.glusterfs", "fuse.mergerfs", "glusterfs")),
        *((kind, False) for kind in ("ext4", "xfs", "btrfs", "zfs", "tmpfs", "fuseblk", "ntfs3", "exfat", "overlay")),
    ],
)
def test_remote_filesystems(fstype: str, remote: bool) -> None:
    assert is_remote(Mount(b"/", fstype, "x", 0, 1)) is remote


@given(st.binary())
def test_parsing_never_raises(text: bytes) -> None:
    parse_mountinfo(text)


@given(st.binary(min_size=1, max_size=40).filter(lambda name: b"\0" not in name))
def test_any_mount_point_survives_the_kernels_escaping(name: bytes) -> None:
    escaped = b"".join(
        b"\\%03o" % byte if byte in b" \t\n\\#\r\x0b\x0c\x1c\x1d\x1e\x85" else bytes([byte]) for byte in name
    )
    line = b"5 1 0:9 / /" + escaped + b" rw - tmpfs none rw"
    assert [mount.path for mount in parse_mountinfo(line)] == [b"/" + name]


def test_the_real_table_agrees_with_stat(tmp_path: Path) -> None:
    mounts = read_mounts()
    for mount in mounts:
        try:
            found = os.stat(mount.path)
        except OSError:
            continue
        if mount.fstype not in ("autofs", "btrfs", "overlay"):  # stat returns another device for these
            assert found.st_dev == mount.device, mount
    assert mount_of(os.fsencode(tmp_path), mounts).device == tmp_path.stat().st_dev
