"""Scrub runs, kept as rows of the event table: how much each has read, and what remains of the night's budget."""

import json
import time
from typing import NamedTuple

from catalog.store.database import Database, Row

SCRUBBED_KIND = "scrubbed"
HASH_MISMATCH_KIND = "betrayed"  # one event for each file whose bytes changed behind an unchanged name, size and date
NIGHT_START_HOUR = 12
RUN_SQL = "SELECT id, detail FROM event WHERE kind = ?"


class ScrubRun(NamedTuple):
    """One run, kept in one row that is updated as it proceeds. Times in seconds since the epoch, amounts in bytes.

    `limit`: the bytes it may read; `before`: the bytes that other runs had read of the same budget. `skipped`: files
    that could not be checked now. `continuous`: the service's own nightly run, which nobody requested.
    """

    id: int
    started: float
    limit: int
    before: int = 0
    continuous: bool = False
    ended: float | None = None
    files: int = 0
    bytes: int = 0
    sound: int = 0
    different: int = 0
    changed: int = 0
    gone: int = 0
    unreadable: int = 0
    skipped: int = 0


def night_start(now: float) -> float:
    """Return when the night that contains `now` began: the last noon, local time.

    Counted from noon, a night is never split; a moving window of hours would let the timer's random delay use up the
    next night's budget.
    """
    today = time.localtime(now)
    noon = _noon(today, 0)
    return noon if noon <= now else _noon(today, -1)


def _noon(day: time.struct_time, offset: int) -> float:
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday + offset, NIGHT_START_HOUR, 0, 0, 0, 0, -1))


def bytes_read_since(database: Database, since: float) -> int:
    """Return the bytes read by all runs that were active after `since`."""
    return int(
        database.value(
            "SELECT coalesce(sum(json_extract(detail, '$.bytes')), 0) FROM event WHERE kind = ? AND at >= ?",
            SCRUBBED_KIND,
            since,
        )
    )


def begin_run(database: Database, limit: int | None, nightly: int, now: float) -> ScrubRun:
    """Begin a run with its own limit, or with the rest of the nightly budget. Inside a transaction."""
    before = bytes_read_since(database, night_start(now)) if limit is None else 0
    return _insert(database, ScrubRun(0, now, max(0, nightly - before) if limit is None else limit, before), now)


def begin_continuous_run(database: Database, nightly: int, now: float) -> ScrubRun:
    """Resume tonight's continuous run of the service, or begin it. Inside a transaction."""
    since = night_start(now)
    total = bytes_read_since(database, since)
    row = database.row(f"{RUN_SQL} AND at >= ? AND json_extract(detail, '$.continuous')", SCRUBBED_KIND, since)
    run = _run_from_row(row)
    if run is None or run.started < since:
        return _insert(database, ScrubRun(0, now, max(0, nightly - total), total, continuous=True), now)
    before = total - run.bytes
    return run._replace(limit=max(0, nightly - before), before=before, ended=None)


def _insert(database: Database, run: ScrubRun, now: float) -> ScrubRun:
    id_ = database.value("INSERT INTO event(at, kind) VALUES (?, ?) RETURNING id", now, SCRUBBED_KIND)
    inserted = run._replace(id=int(id_))
    save_run(database, inserted, now)
    return inserted


def save_run(database: Database, run: ScrubRun, now: float) -> None:
    """Save a run's progress in its row: a new row every few seconds would make 60,000 a year."""
    detail = {name: value for name, value in run._asdict().items() if name != "id"}
    database.run("UPDATE event SET at = ?, detail = ? WHERE id = ?", now, json.dumps(detail), run.id)


def end_run(database: Database, run: ScrubRun, now: float) -> ScrubRun:
    """Record the end of a run; return the ended run. Inside a transaction."""
    ended = run._replace(ended=now)
    save_run(database, ended, now)
    return ended


def find_run(database: Database, id_: int) -> ScrubRun | None:
    """Return the run with this id, or None."""
    return _run_from_row(database.row(f"{RUN_SQL} AND id = ?", SCRUBBED_KIND, id_))


def latest_requested_run(database: Database) -> ScrubRun | None:
    """Return the latest run that was requested, or None."""
    return _run_from_row(
        database.row(f"{RUN_SQL} AND NOT json_extract(detail, '$.continuous') ORDER BY id DESC LIMIT 1", SCRUBBED_KIND)
    )


def unfinished_run(database: Database, since: float) -> ScrubRun | None:
    """Return the run that was requested after `since` and was interrupted by the end of its service, or None."""
    run = latest_requested_run(database)
    return run if run is not None and run.ended is None and run.started >= since else None


def last_scrub_time(database: Database) -> float | None:
    """Return when a scrub was last active, or None."""
    found = database.value("SELECT max(at) FROM event WHERE kind = ?", SCRUBBED_KIND)
    return None if found is None else float(found)


def _run_from_row(row: Row | None) -> ScrubRun | None:
    if row is None:
        return None
    id_, detail = row
    return ScrubRun(id_, **json.loads(detail))
