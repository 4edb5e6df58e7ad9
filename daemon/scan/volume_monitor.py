"""Keep watch over volumes: what is away, what came back, what was mounted inside a root meanwhile."""

import os
import time
from functools import partial
from typing import NamedTuple

from catalog.config.load import Config
from catalog.filesystem.ignore import IgnoreRules
from catalog.filesystem.mounts import Mount, mounts_below, read_mounts
from catalog.filesystem.paths import at_or_inside
from catalog.filesystem.volume_identity import VolumeObservation, observe_volume
from catalog.store.database import Database
from catalog.store.volumes import Volume, adopt_volume, all_volumes, retire_volume, update_volume
from daemon.writer import Writer

PSEUDO_FILESYSTEMS = frozenset(
    {"proc", "sysfs", "devtmpfs", "devpts", "cgroup2", "cgroup", "mqueue", "autofs", "securityfs"}
)


class VolumeTransition(NamedTuple):
    """A volume went away or came back (a new one comes back for the first time)."""

    volume: Volume
    away: bool


class VolumeMonitor:
    """Compares each volume with what stands at its path. Deciding is in `Volume.absence`."""

    def __init__(self, config: Config, writer: Writer) -> None:
        self._database = Database(config.database, write=False)
        self._writer = writer
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        """Follow other roots."""
        self._roots = config.roots
        self._ignore = IgnoreRules(config.ignore, os.fsencode(config.state))

    def present(self) -> set[bytes]:
        """Roots that can be read now: also one that is held, since its files may be on their way back."""
        return {volume.path for volume in all_volumes(self._database) if volume.kind == "root" and volume.in_place}

    def away(self) -> list[Volume]:
        """Configured roots and mounts inside them that cannot be read now."""
        return [volume for volume in all_volumes(self._database) if volume.away and self._configured(volume.path)]

    def _configured(self, path: bytes) -> bool:
        return any(at_or_inside(path, root) for root in self._roots)

    def refresh(self) -> list[VolumeTransition]:
        """Bring the rows up to date; returns what turned."""
        mounts = read_mounts()
        before = {volume.path: volume for volume in all_volumes(self._database)}
        for root in self._roots:
            if root not in before or before[root].kind != "root":
                self._adopt(root, "root", mounts)
        self._discover(mounts, before)
        turns: list[VolumeTransition] = []
        for volume in all_volumes(self._database):
            turn = self._settle(volume, mounts)
            fresh = volume.path not in before and volume.away is None
            if turn or fresh:
                turns.append(VolumeTransition(volume, away=turn == "away"))
        return turns

    def _adopt(self, path: bytes, kind: str, mounts: list[Mount]) -> None:
        self._writer.commit(
            partial(adopt_volume, path=path, kind=kind, seen=observe_volume(path, mounts), now=time.time())
        )

    def _discover(self, mounts: list[Mount], before: dict[bytes, Volume]) -> None:
        for root in self._roots:
            if root in before and not before[root].in_place:
                continue
            for mount in mounts_below(root, mounts):
                known = before.get(mount.path)
                if (
                    (known is None or known.kind == "blocked")
                    and mount.fstype not in PSEUDO_FILESYSTEMS
                    and not self._ignore.path(mount.path, root)
                ):
                    self._adopt(mount.path, "mount", mounts)

    def _settle(self, volume: Volume, mounts: list[Mount]) -> str:
        if volume.kind == "blocked":
            return ""
        if volume.kind == "root" and volume.path not in self._roots:
            return str(self._writer.commit(partial(retire_volume, volume=volume, now=time.time())))
        seen = observe_volume(volume.path, mounts)
        if volume.absence(seen) == (volume.away or ""):
            return ""
        return str(self._writer.commit(partial(update_volume, volume=volume, seen=seen, now=time.time())))


def is_same_mount(path: bytes, before: VolumeObservation) -> bool:
    """Whether the very same mount still stands at `path`."""
    return observe_volume(path, read_mounts()) == before
