"""Runs of the scrub as rows of the journal: what each has read, and what is left of tonight's budget."""

import json
import time
from typing import NamedTuple

from catalog.store.database import Database, Row

KIND = "scrubbed"
BETRAYED = "betrayed"  # one for each file whose bytes changed behind an unchanged name, size and date
NOON = 12
ROW = "SELECT id, detail FROM event WHERE kind = ?"


class Run(NamedTuple):
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


def night(now: float) -> float:
    """When the night that `now` belongs to began: the last noon of local time.

    Counted from noon, a night is never cut in two; a moving window of hours would let the timer's random delay eat
    into the next night's budget.
    """
    today = time.localtime(now)
    noon = _noon(today, 0)
    return noon if noon <= now else _noon(today, -1)


def _noon(day: time.struct_time, offset: int) -> float:
    return time.mktime((day.tm_year, day.tm_mon, day.tm_mday + offset, NOON, 0, 0, 0, 0, -1))


def spent(database: Database, since: float) -> int:
    """Bytes that all runs have read that were at work after `since`."""
    return int(
        database.value(
            "SELECT coalesce(sum(json_extract(detail, '$.bytes')), 0) FROM event WHERE kind = ? AND at >= ?",
            KIND,
            since,
        )
    )


def begin(database: Database, limit: int | None, nightly: int, now: float) -> Run:
    """A new run, with a limit of its own or with what is left of the night's. Inside a transaction."""
    before = spent(database, night(now)) if limit is None else 0
    return _insert(database, Run(0, now, max(0, nightly - before) if limit is None else limit, before), now)


def begin_continuous(database: Database, nightly: int, now: float) -> Run:
    """Tonight's run of the service's own, taken up again or begun. Inside a transaction."""
    since = night(now)
    all_ = spent(database, since)
    row = database.row(f"{ROW} AND at >= ? AND json_extract(detail, '$.continuous')", KIND, since)
    known = None if row is None else _run(row)
    if known is None or known.started < since:
        return _insert(database, Run(0, now, max(0, nightly - all_), all_, continuous=True), now)
    before = all_ - known.bytes
    return known._replace(limit=max(0, nightly - before), before=before, ended=None)


def _insert(database: Database, run: Run, now: float) -> Run:
    id_ = database.value("INSERT INTO event(at, kind) VALUES (?, ?) RETURNING id", now, KIND)
    made = run._replace(id=int(id_))
    save(database, made, now)
    return made


def save(database: Database, run: Run, now: float) -> None:
    """Write down how far a run has come: in one row, since a row every few seconds would be 60,000 a year."""
    detail = {name: value for name, value in run._asdict().items() if name != "id"}
    database.run("UPDATE event SET at = ?, detail = ? WHERE id = ?", now, json.dumps(detail), run.id)


def end(database: Database, run: Run, now: float) -> Run:
    """The run is over. Inside a transaction."""
    over = run._replace(ended=now)
    save(database, over, now)
    return over


def find(database: Database, id_: int) -> Run | None:
    """A run by its id."""
    row = database.row(f"{ROW} AND id = ?", KIND, id_)
    return None if row is None else _run(row)


def latest(database: Database) -> Run | None:
    """The run that was asked for last."""
    row = database.row(f"{ROW} AND NOT json_extract(detail, '$.continuous') ORDER BY id DESC LIMIT 1", KIND)
    return None if row is None else _run(row)


def unfinished(database: Database, since: float) -> Run | None:
    """A run that was asked for after `since` and cut short by the end of its service."""
    run = latest(database)
    return run if run is not None and run.ended is None and run.started >= since else None


def last(database: Database) -> float | None:
    """When a scrub was last at work."""
    found = database.value("SELECT max(at) FROM event WHERE kind = ?", KIND)
    return None if found is None else float(found)


def _run(row: Row) -> Run:
    return Run(row[0], **json.loads(row[1]))
