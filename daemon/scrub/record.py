"""Record a batch of scrub readings in the catalog."""

import stat
from functools import partial

import structlog

from catalog.crash_points import crash_point
from catalog.files.decision import retry_delay
from catalog.files.observe import record_missing_path, record_sighting
from catalog.files.results import reject_file
from catalog.filesystem.stat_signature import lstat_or_none
from catalog.integrity.scrub_results import record_first_hash, record_hash_mismatch, record_verified
from catalog.integrity.scrub_runs import ScrubRun, save_run
from catalog.store.database import Database
from catalog.store.isolation import isolated
from catalog.store.volumes import volume_is_present
from daemon.intake.record import reject_unrecorded
from daemon.messages import ReadTask
from daemon.scan.walk import make_sighting
from daemon.scrub.reader import ScrubReading, ScrubResult, ScrubTarget
from models.decode.reason import RejectReason

log = structlog.get_logger()


def record_readings(
    readings: tuple[ScrubReading, ...], run: ScrubRun, now: float, due: float, database: Database
) -> None:
    """Record readings together with the counters of their run: a kill leaves both or neither.

    `now`: when the last file was read; `due`: when a file that has changed may be read.
    """
    for reading in readings:
        isolated(
            database,
            partial(_record_reading, database, reading, now, due),
            partial(reject_unrecorded, database, ReadTask(*reading.target[:3], attempts=0), now),
        )
    save_run(database, run, now)
    crash_point("scrub.record")


def _record_reading(database: Database, reading: ScrubReading, now: float, due: float) -> None:
    target = reading.target
    if reading.result is ScrubResult.SOUND:
        _record_sound(database, reading, now)
    elif reading.result is ScrubResult.DIFFERENT:
        assert target.content is not None
        if record_hash_mismatch(database, target.file, target.path, target.signature, target.content, now):
            log.warning("betrayed", path=target.path)
    elif reading.result in (ScrubResult.CHANGED, ScrubResult.GONE):
        _observe_again(database, target.path, now, due)
    elif reading.result is ScrubResult.UNREADABLE:
        _record_unreadable(database, target, reading.detail, now)


def _record_sound(database: Database, reading: ScrubReading, now: float) -> None:
    target = reading.target
    if target.content is None:
        record_first_hash(database, target.file, target.signature, reading.sha256, now)
    else:
        record_verified(database, target.file, target.signature, target.content, now, stale=target.stale)


def _observe_again(database: Database, path: bytes, now: float, due: float) -> None:
    """Record what is on disk now, as a scan does; a missing file counts only while its volume is present."""
    try:
        found = lstat_or_none(path)
    except OSError:
        return
    if found is None or stat.S_ISDIR(found.st_mode):
        record_missing_path(database, path, now)
    else:
        record_sighting(database, make_sighting(path, found, due), now)


def _record_unreadable(database: Database, target: ScrubTarget, detail: str, now: float) -> None:
    """Reject a file on a failing disk or with a revoked permission, unless its whole volume has gone away."""
    volume = database.value(
        "SELECT d.volume FROM file f JOIN directory d ON d.id = f.directory WHERE f.id = ?", target.file
    )
    if volume is not None and volume_is_present(database, volume):
        log.warning("unreadable", path=target.path, detail=detail)
        reject_file(
            database, target.file, target.signature, RejectReason.UNREADABLE, detail, None, now, now + retry_delay(0)
        )
