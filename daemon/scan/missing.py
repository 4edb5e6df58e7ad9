"""Act on the files that a scan did not find: declare them gone, or hold the volume if too many are missing.

`catalog.files.mass_deletion.exceeds_limit` decides.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import structlog

from catalog.crash_points import crash_point
from catalog.files.mass_deletion import (
    Loss,
    exceeds_limit,
    hold_volume,
    measure_loss,
    missed_files,
    record_missed_files,
    release_volume,
)
from catalog.store.database import Database
from catalog.store.volumes import Volume
from daemon.writer import Writer

BATCH_PATHS = 1000  # paths declared gone between two checks of the mount
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class MissingFiles:
    """The end of one scan. `percent` is the limit above which the volume is held.

    `mount_unchanged` returns whether the mount is still the one that was scanned, `stopped` whether to stop.
    """

    database: Database
    writer: Writer
    percent: float
    mount_unchanged: Callable[[], bool]
    stopped: Callable[[], bool]

    def conclude(self, volume: Volume, whole: bool, paths: list[bytes]) -> bool:
        """Declare `paths` gone, or hold the volume. Return False if the scan proves nothing.

        A scan of one part of a held volume proves nothing about the rest: only a scan of the `whole` releases it.
        """
        if volume.held and not whole:
            return True
        loss = self._measure_loss(volume, paths)
        if loss is None or not self.mount_unchanged():
            return False
        if exceeds_limit(loss, self.percent, volume.accepted or 0):
            log.warning("volume_held", path=volume.path, missed=loss.missed, known=loss.known, lately=loss.recent)
            self.writer.commit(partial(hold_volume, volume=volume.id, loss=loss, now=time.time()))
            return True
        if volume.held:
            log.info("volume_released", path=volume.path, missed=loss.missed, known=loss.known)
            self.writer.commit(partial(release_volume, volume=volume.id, now=time.time()))
        return self._record_missing(volume, paths)

    def _measure_loss(self, volume: Volume, paths: list[bytes]) -> Loss | None:
        """Count the missing files; return None if stopped meanwhile."""
        missed = 0
        for _ in missed_files(self.database, volume.id, paths):
            if self.stopped():
                return None
            missed += 1
        return measure_loss(self.database, volume, missed, time.time())

    def _record_missing(self, volume: Volume, paths: list[bytes]) -> bool:
        for start in range(0, len(paths), BATCH_PATHS):
            crash_point("scan.losses")
            if not self.mount_unchanged():
                return False
            batch = paths[start : start + BATCH_PATHS]
            change = partial(
                record_missed_files, volume=volume.path, accepted=bool(volume.accepted), paths=batch, now=time.time()
            )
            self.writer.commit(change)
        return True
