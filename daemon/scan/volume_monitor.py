"""Monitor volumes: which went away, which came back, what was mounted inside a root."""

import os
import time
from functools import partial

import structlog

from catalog.config.load import Config
from catalog.filesystem.ignore import IgnoreRules
from catalog.filesystem.mounts import Mount, mounts_below, read_mounts
from catalog.filesystem.paths import at_or_inside, inside
from catalog.filesystem.volume_identity import VolumeObservation, absence_reason, observe_volume
from catalog.store.database import Database
from catalog.store.roots import drop_root, join_root, move_root, moved_root
from catalog.store.volumes import Volume, adopt_volume, all_volumes, update_volume
from daemon.writer import Writer

PSEUDO_FILESYSTEMS = frozenset(
    {"proc", "sysfs", "devtmpfs", "devpts", "cgroup2", "cgroup", "mqueue", "autofs", "securityfs"}
)
log = structlog.get_logger()


class VolumeMonitor:
    """Compares each volume with what is at its path now; `Volume.absence` decides whether it is away."""

    def __init__(self, config: Config, writer: Writer) -> None:
        self._database = Database(config.database, write=False)
        self._writer = writer
        self.reconfigure(config)

    def reconfigure(self, config: Config) -> None:
        """Follow a new configuration."""
        self._roots = config.roots
        self._ignore = IgnoreRules(config.ignore, os.fsencode(config.state))

    def present(self) -> set[bytes]:
        """Return the roots that can be read now. A held one counts: its files may come back."""
        return {volume.path for volume in all_volumes(self._database) if volume.kind == "root" and volume.in_place}

    def away(self) -> list[Volume]:
        """Return configured roots, and mounts inside them, that cannot be read now."""
        return [volume for volume in all_volumes(self._database) if volume.away and self._configured(volume.path)]

    def _configured(self, path: bytes) -> bool:
        return any(at_or_inside(path, root) for root in self._roots)

    def refresh(self) -> list[tuple[Volume, bool]]:
        """Update the rows of all volumes; return those that went away (True) or are back or new (False)."""
        mounts = read_mounts()
        before = {volume.path: volume for volume in all_volumes(self._database)}
        for root in self._roots:
            self._place_root(root, before.get(root), mounts)
        self._join_inner_roots(mounts)
        self._adopt_new_mounts(mounts, before)
        transitions: list[tuple[Volume, bool]] = []
        for volume in all_volumes(self._database):
            change = self._update(volume, mounts)
            is_new = volume.path not in before and volume.away is None
            if change or is_new:
                transitions.append((volume, change == "away"))
        return transitions

    def _place_root(self, path: bytes, known: Volume | None, mounts: list[Mount]) -> None:
        """Give a root of the configuration its row: that of the root that has moved here, or a new one."""
        if known is not None and known.kind == "root" and known.identity:
            return
        seen = observe_volume(path, mounts)
        moved = moved_root(self._database, path, seen, self._roots, mounts)
        if moved is not None and self._writer.commit(partial(move_root, root=moved, path=path, now=time.time())):
            log.info("root_moved", path=path, source=moved.path)
        elif known is None or known.kind != "root":
            self._adopt(path, "root", mounts)

    def _join_inner_roots(self, mounts: list[Mount]) -> None:
        """Make known roots inside a configured root a part of it. An absent or held one is guarded until it is back."""
        for volume in all_volumes(self._database):
            if volume.kind != "root" or volume.held or not any(inside(volume.path, root) for root in self._roots):
                continue
            seen = observe_volume(volume.path, mounts)
            if absence_reason(volume.kind, volume.identity, seen):
                continue
            if seen.mounted:
                self._adopt(volume.path, "mount", mounts)
            else:
                self._writer.commit(partial(join_root, root=volume, now=time.time()))

    def _adopt(self, path: bytes, kind: str, mounts: list[Mount]) -> None:
        self._writer.commit(
            partial(adopt_volume, path=path, kind=kind, seen=observe_volume(path, mounts), now=time.time())
        )

    def _adopt_new_mounts(self, mounts: list[Mount], before: dict[bytes, Volume]) -> None:
        for root in self._roots:
            if root in before and not before[root].in_place:
                continue
            for mount in mounts_below(root, mounts):
                known = before.get(mount.path)
                if (
                    (known is None or known.kind == "blocked")
                    and mount.fstype not in PSEUDO_FILESYSTEMS
                    and not self._ignore.ignores_path(mount.path, root)
                ):
                    self._adopt(mount.path, "mount", mounts)

    def _update(self, volume: Volume, mounts: list[Mount]) -> str:
        """Update one row; return "away", "back" or "" if nothing changed."""
        if not self._configured(volume.path):
            if volume.kind == "root" and not volume.dropped:
                log.info("root_dropped", path=volume.path)
                self._writer.commit(partial(drop_root, root=volume, now=time.time()))
            return ""
        if volume.kind == "blocked":
            return ""
        seen = observe_volume(volume.path, mounts)
        if volume.absence(seen) == (volume.away or ""):
            return ""
        return str(self._writer.commit(partial(update_volume, volume=volume, seen=seen, now=time.time())))


def is_same_mount(path: bytes, before: VolumeObservation) -> bool:
    """Return whether the mount at `path` is still the one observed before."""
    return observe_volume(path, read_mounts()) == before
