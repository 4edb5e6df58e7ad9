"""How much of the collection was read lately, and whether scrubs keep up."""

from catalog.console import size
from catalog.context import Asking
from catalog.formatting import moment
from catalog.integrity.coverage import coverage
from catalog.integrity.scrub_runs import latest, night, spent
from catalog.report.elements import Last, Plot, Point, Section
from catalog.report.wording import DAY, ago, day_of, many


def section(asking: Asking, now: float, last: Last) -> Section:
    """Coverage as `status` counts it, over the time of the kept reports; and the last run."""
    found = coverage(asking.database, asking.config.scrub.days, now)
    run = latest(asking.database)
    lines = []
    if found["oldest"] is not None:
        never = f"; {many(found['never'], 'file')} never read to the end" if found["never"] else ""
        lines.append(f"The oldest reading is {ago(found['oldest'] * DAY)} old{never}")
    if run is not None:
        read = f"{many(run.files, 'file')}, {size(run.bytes)}"
        met = f"{run.different:,} different, {run.unreadable:,} unreadable"
        lines.append(f"The last scrub began {ago(max(0.0, now - run.started))} ago: {read}, {met}")
    return Section(
        "Scrub",
        f"{found['percent']:g} % of all files were read within {found['days']:g} days",
        alarm=_alarm(found["oldest"]) if found["overdue"] else "",
        lines=tuple(lines),
        plot=_plot(found["percent"], now, last),
        record={
            **found,
            "bytes_tonight": spent(asking.database, night(now)),
            "last_run": None
            if run is None
            else {"at": moment(run.started), "files": run.files, "bytes": run.bytes, "different": run.different},
        },
    )


def _alarm(oldest: float) -> str:
    return (
        f"Scrubs do not keep up, the oldest reading is {oldest:.0f} days old: have `catalog scrub` run each night, and"
        " raise `budget_gb` if that does not do."
    )


def _plot(percent: float, now: float, last: Last) -> Plot | None:
    points = [
        Point(kept.day, float(kept.records["scrub"]["percent"]))
        for kept in last.series
        if "percent" in kept.records.get("scrub", {}) and kept.day != day_of(now)
    ]
    if not points:
        return None  # one point is no line
    return Plot("Percent of files read within the time set, by day", (*points, Point(day_of(now), percent)), "line")
