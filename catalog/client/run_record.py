"""How the last run of the service and the last full pass ended, in a small file of the state directory."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal, NamedTuple

from catalog.errors import CatalogError
from catalog.filesystem.atomic_write import inherit_owner
from catalog.state_dir import LAST_RUNS

RunKind = Literal["service", "pass"]
SHORT_SECONDS = 3600.0  # a run that fails sooner counts as one of a series of failures
MAX_TIME = 1e11  # the year 5138; a later one is no time of a run
UNEXPECTED = "it ended with an unexpected error"
KILLED = "it was killed, or the machine stopped"


class RunRecord(NamedTuple):
    """One run. `started`, `ended`: seconds since the epoch; `ended` is None while it runs, and after a kill.

    `problem`, `remedy`: the error that ended it, or "". `failures`: how many runs before it failed in a row within an
    hour each; `last_failure`: how the last of them ended.
    """

    started: float
    ended: float | None = None
    problem: str = ""
    remedy: str = ""
    failures: int = 0
    last_failure: str = ""


def read_runs(state: Path) -> dict[str, RunRecord]:
    """Return the last run of each kind. A file that cannot be read or understood counts as absent."""
    try:
        stored = json.loads((state / LAST_RUNS).read_bytes())
        found = {kind: _parse(stored[kind]) for kind in ("service", "pass") if kind in stored}
    except (OSError, ValueError, TypeError, AttributeError, RecursionError):
        return {}
    return {kind: record for kind, record in found.items() if record is not None}


def _parse(stored: Any) -> RunRecord | None:
    kinds = {
        "started": float,
        "ended": float | None,
        "problem": str,
        "remedy": str,
        "failures": int,
        "last_failure": str,
    }
    if stored.keys() != kinds.keys() or not all(isinstance(stored[name], kind) for name, kind in kinds.items()):
        return None
    record = RunRecord(**stored)
    return record if all(0 <= at < MAX_TIME for at in (record.started, record.ended or 0.0)) else None


@contextmanager
def recorded_run(state: Path, kind: RunKind, clock: Callable[[], float]) -> Iterator[None]:
    """Record when a run starts and ends, and the error that leaves the block. `clock`: seconds since the epoch."""
    record = _begin(read_runs(state).get(kind), clock())
    _write(state, kind, record)
    try:
        yield
    except CatalogError as error:
        _write(state, kind, record._replace(ended=clock(), problem=error.problem, remedy=error.remedy))
        raise
    except BaseException as error:
        problem = f"{UNEXPECTED}: {type(error).__name__}: {error}"
        _write(state, kind, record._replace(ended=clock(), problem=problem, remedy="Report it with the log, please."))
        raise
    _write(state, kind, record._replace(ended=clock()))


def _begin(earlier: RunRecord | None, now: float) -> RunRecord:
    failure = "" if earlier is None else earlier.problem or (KILLED if earlier.ended is None else "")
    if earlier is None or not failure or (earlier.ended or now) - earlier.started > SHORT_SECONDS:
        return RunRecord(now)
    return RunRecord(now, failures=earlier.failures + 1, last_failure=failure)


def _write(state: Path, kind: RunKind, record: RunRecord) -> None:
    """Replace the file. Not synced, which takes milliseconds: after a power failure the run counts as unknown."""
    runs = read_runs(state) | {kind: record}
    part = state / f"{LAST_RUNS}.part"
    with suppress(OSError):  # a full disk has ended the run; the error itself is reported
        part.write_text(json.dumps({name: run._asdict() for name, run in runs.items()}, ensure_ascii=True))
        inherit_owner(part)
        os.replace(part, state / LAST_RUNS)
