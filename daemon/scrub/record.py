"""What readings mean for the catalog: the change that records a batch of them."""

import stat
from functools import partial

import structlog

from catalog.crash_points import point
from catalog.files.decision import back_off
from catalog.files.observe import miss, see
from catalog.files.results import reject
from catalog.filesystem.stat_signature import look
from catalog.integrity.scrub_results import betray, identify, verify
from catalog.integrity.scrub_runs import Run, save
from catalog.store.database import Database
from catalog.store.volumes import stands
from daemon.scan.walk import sighting
from daemon.scrub.reader import Finding, Reading, Target
from daemon.writer import Change
from models.decode.reason import Reason

log = structlog.get_logger()


def record(readings: tuple[Reading, ...], run: Run, now: float, due: float) -> Change:
    """One change for a batch and for the account of its run, so that no kill can part them.

    `now`: when the last of them was read; `due`: when a file that changed may be read.
    """
    return partial(_record, readings, run, now, due)


def _record(readings: tuple[Reading, ...], run: Run, now: float, due: float, database: Database) -> None:
    for reading in readings:
        _one(database, reading, now, due)
    save(database, run, now)
    point("scrub.record")


def _one(database: Database, reading: Reading, now: float, due: float) -> None:
    target = reading.target
    if reading.finding is Finding.SOUND:
        _sound(database, reading, now)
    elif reading.finding is Finding.DIFFERENT:
        assert target.content is not None
        if betray(database, target.file, target.path, target.signature, target.content, now):
            log.warning("betrayed", path=target.path)
    elif reading.finding in (Finding.CHANGED, Finding.GONE):
        _look(database, target.path, now, due)
    elif reading.finding is Finding.UNREADABLE:
        _unreadable(database, target, reading.detail, now)


def _sound(database: Database, reading: Reading, now: float) -> None:
    target = reading.target
    if target.content is None:
        identify(database, target.file, target.signature, reading.sha256, now)
    else:
        verify(database, target.file, target.signature, target.content, now, stale=target.stale)


def _look(database: Database, path: bytes, now: float, due: float) -> None:
    """As a scan would: the disk is right, and a file that is no longer there is missed only if its disk is."""
    try:
        found = look(path)
    except OSError:
        return
    if found is None or stat.S_ISDIR(found.st_mode):
        miss(database, path, now)
    else:
        see(database, sighting(path, found, due), now)


def _unreadable(database: Database, target: Target, word: str, now: float) -> None:
    """A disk that fails or a permission that was taken away; but one whose volume went away is not judged."""
    volume = database.value(
        "SELECT d.volume FROM file f JOIN directory d ON d.id = f.directory WHERE f.id = ?", target.file
    )
    if volume is not None and stands(database, volume):
        log.warning("unreadable", path=target.path, detail=word)
        reject(database, target.file, target.signature, Reason.UNREADABLE, word, None, now, now + back_off(0))
