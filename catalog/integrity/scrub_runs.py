"""Runs of the scrub as rows of the journal: what each has read, and what is left of tonight's budget."""

import json
import time
from typing import NamedTuple

from catalog.store.database import Database, Row

SCRUBBED_KIND = "scrubbed"
HASH_MISMATCH_KIND = "betrayed"  # one for each file whose bytes changed behind an unchanged name, size and date
NIGHT_START_HOUR = 12
RUN_SQL = "SELECT id, detail FROM event WHERE kind = ?"


class ScrubRun(NamedTuple):
    """One run, kept in one row that grows with it. Times in seconds since the epoch, amounts in bytes.

    `limit`: what it may read; `before`: what others had read of the same budget. `skipped`: files of which nothing
    can be said now. `continuous`: the service's own, one a night, that nobody asked for.
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
    """When the night that `now` belongs to began: the last noon of local time.

    Counted from noon, a night is never cut in two; a moving window of hours would let the timer's random delay eat
    into the next night's budget.
    """
    today = time.localtime(now)
    noon = _noon(today, 0)
    return noon if noon <= now else _noon(today, -1)


def _noon(day: time.struct_time, offset: int) -> float:
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday + offset, NIGHT_START_HOUR, 0, 0, 0, 0, -1))


def bytes_read_since(database: Database, since: float) -> int:
    """Bytes that all runs have read that were at work after `since`."""
    return int(
        database.value(
            "SELECT coalesce(sum(json_extract(detail, '$.bytes')), 0) FROM event WHERE kind = ? AND at >= ?",
            SCRUBBED_KIND,
            since,
        )
    )


def begin_run(database: Database, limit: int | None, nightly: int, now: float) -> ScrubRun:
    """A new run, with a limit of its own or with what is left of the night's. Inside a transaction."""
    before = bytes_read_since(database, night_start(now)) if limit is None else 0
    return _insert(database, ScrubRun(0, now, max(0, nightly - before) if limit is None else limit, before), now)


def begin_continuous_run(database: Database, nightly: int, now: float) -> ScrubRun:
    """Tonight's run of the service's own, taken up again or begun. Inside a transaction."""
    since = night_start(now)
    all_ = bytes_read_since(database, since)
    row = database.row(f"{RUN_SQL} AND at >= ? AND json_extract(detail, '$.continuous')", SCRUBBED_KIND, since)
    known = None if row is None else _run_from_row(row)
    if known is None or known.started < since:
        return _insert(database, ScrubRun(0, now, max(0, nightly - all_), all_, continuous=True), now)
    before = all_ - known.bytes
    return known._replace(limit=max(0, nightly - before), before=before, ended=None)


def _insert(database: Database, run: ScrubRun, now: float) -> ScrubRun:
    id_ = database.value("INSERT INTO event(at, kind) VALUES (?, ?) RETURNING id", now, SCRUBBED_KIND)
    made = run._replace(id=int(id_))
    save_run(database, made, now)
    return made


def save_run(database: Database, run: ScrubRun, now: float) -> None:
    """Write down how far a run has come: in one row, since a row every few seconds would be 60,000 a year."""
    detail = {name: value for name, value in run._asdict().items() if name != "id"}
    database.run("UPDATE event SET at = ?, detail = ? WHERE id = ?", now, json.dumps(detail), run.id)


def end_run(database: Database, run: ScrubRun, now: float) -> ScrubRun:
    """The run is over. Inside a transaction."""
    over = run._replace(ended=now)
    save_run(database, over, now)
    return over


def find_run(database: Database, id_: int) -> ScrubRun | None:
    """A run by its id."""
    row = database.row(f"{RUN_SQL} AND id = ?", SCRUBBED_KIND, id_)
    return None if row is None else _run_from_row(row)


def latest_requested_run(database: Database) -> ScrubRun | None:
    """The run that was asked for last."""
    row = database.row(
        f"{RUN_SQL} AND NOT json_extract(detail, '$.continuous') ORDER BY id DESC LIMIT 1", SCRUBBED_KIND
    )
    return None if row is None else _run_from_row(row)


def unfinished_run(database: Database, since: float) -> ScrubRun | None:
    """A run that was asked for after `since` and cut short by the end of its service."""
    run = latest_requested_run(database)
    return run if run is not None and run.ended is None and run.started >= since else None


def last_scrub_time(database: Database) -> float | None:
    """When a scrub was last at work."""
    found = database.value("SELECT max(at) FROM event WHERE kind = ?", SCRUBBED_KIND)
    return None if found is None else float(found)


def _run_from_row(row: Row) -> ScrubRun:
    return ScrubRun(row[0], **json.loads(row[1]))
