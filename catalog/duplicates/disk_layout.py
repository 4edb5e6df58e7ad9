"""How the volumes of the catalog share disks: mounted twice, reached by symbolic links, or snapshots of each other."""

import os
from collections.abc import Mapping
from functools import cache

from catalog.filesystem.mounts import Mount, read_mounts
from catalog.filesystem.same_disk import Disk, disk_of, is_snapshot_of
from catalog.store.database import Database
from catalog.store.volumes import all_volumes


class DiskLayout:
    """The disks of the volumes that are present, by the id of the volume."""

    def __init__(self, disks: Mapping[int, Disk]) -> None:
        self._disks = disks
        self._mounts: list[Mount] | None = None
        self._first: dict[int, int] = {}
        for volume, disk in sorted(disks.items()):
            self._first.setdefault(disk.device, volume)
        self._is_snapshot = cache(self._compare_with_others)
        self._subvolume = cache(self._look_at_folder)

    def inode_space(self, volume: int, folder: bytes) -> int:
        """Return the first volume with the same inodes: equal inodes in the two are one file.

        A folder on a subvolume without a mount has inodes of its own: then the result is no volume, and negative.
        """
        disk = self._disk(volume, folder)
        return volume if disk is None else self._first.get(disk.device, -disk.device)

    def in_snapshot(self, volume: int, folder: bytes) -> bool:
        """Return whether a folder is in a read-only snapshot of a volume that can be written."""
        disk = self._disk(volume, folder)
        return disk is not None and self._is_snapshot(disk)

    def _disk(self, volume: int, folder: bytes) -> Disk | None:
        disk = self._disks.get(volume)
        return disk if disk is None or not disk.nests else self._subvolume(folder) or disk

    def _compare_with_others(self, disk: Disk) -> bool:
        return any(is_snapshot_of(disk, other) for other in self._disks.values())

    def _look_at_folder(self, folder: bytes) -> Disk | None:
        self._mounts = self._mounts or read_mounts()
        return disk_of(folder, self._mounts)


def disk_layout(database: Database) -> DiskLayout:
    """Look at the disks of all volumes that are present."""
    mounts = read_mounts()
    present = [volume for volume in all_volumes(database) if volume.away is None and os.path.isdir(volume.path)]
    disks = {volume.id: disk_of(volume.path, mounts) for volume in present}
    return DiskLayout({volume: disk for volume, disk in disks.items() if disk is not None})
