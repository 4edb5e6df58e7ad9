"""Whether the service guards the collection: it runs, it answers, and it makes progress."""

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from catalog.client.process import service_running
from catalog.client.protocol import StatusAnswer
from catalog.client.run_record import KILLED, SHORT_SECONDS, RunRecord, read_runs
from catalog.client.service import ServiceClient
from catalog.formatting import format_utc

START_SECONDS = 300.0  # the service answers within a second of its start; a migration may take minutes
MIN_FAILURES = 2  # in a row, before the next run is called unlikely to last
START_REMEDY = "Start it again: `systemctl start catalogd`, or `catalogd` where there is no systemd."
PASS_REMEDY = "Run `catalogd --once` again; it goes on where it was."
RESTART_REMEDY = "See its log, and restart it: it goes on where it was."


class ServiceHealth(NamedTuple):
    """`live`: the answer of a running service. `problem`: why the service does not do its work, or "".

    `remedy`: what to do about it.
    """

    running: bool
    live: StatusAnswer | None
    problem: str
    remedy: str


def service_health(state: Path, now: float) -> ServiceHealth:
    """Ask the service how it is; without an answer, find out why. `now`: seconds since the epoch."""
    running = service_running(state)
    live = ServiceClient(state).status() if running else None
    return ServiceHealth(running, live, *find_problem(read_runs(state), running, live, now))


def find_problem(
    runs: Mapping[str, RunRecord], running: bool, live: StatusAnswer | None, now: float
) -> tuple[str, str]:
    """Return what is wrong and its remedy, "" and "" if nothing is. Pure.

    Where only full passes were ever run, no service is missed.
    """
    service, full_pass = runs.get("service"), runs.get("pass")
    if running:
        return _running_problem(service, live, now)
    if service is not None and (full_pass is None or full_pass.started <= service.started):
        return _ended_problem(service)
    if full_pass is not None and (full_pass.problem or full_pass.ended is None):
        how = full_pass.problem or KILLED
        return (
            f"the full pass begun at {_at(full_pass.started)} is not complete: {how}",
            full_pass.remedy or PASS_REMEDY,
        )
    return "", ""


def _running_problem(service: RunRecord | None, live: StatusAnswer | None, now: float) -> tuple[str, str]:
    age = 0.0 if service is None or service.ended is not None else now - service.started
    if live is None:
        return ("the service runs, but does not answer", RESTART_REMEDY) if age > START_SECONDS else ("", "")
    if live["stalled"]:
        return live["stalled"], RESTART_REMEDY
    if service is not None and service.failures >= MIN_FAILURES and age < SHORT_SECONDS:
        return f"the service failed {service.failures} times in a row; the last time: {service.last_failure}", (
            "See its log. It starts again by itself, and no file is lost."
        )
    return "", ""


def _ended_problem(service: RunRecord) -> tuple[str, str]:
    nothing = "nothing watches the collection"
    if service.ended is None:
        return f"the service does not run, and {nothing}: {KILLED} after {_at(service.started)}", START_REMEDY
    if service.problem:
        return f"the service ended at {_at(service.ended)}, and {nothing}: {service.problem}", service.remedy
    return f"the service was stopped at {_at(service.ended)}, and {nothing}", START_REMEDY


def _at(seconds: float) -> str:
    return format_utc(seconds)[:16].replace("T", " ") + " UTC"
