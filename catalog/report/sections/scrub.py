"""How much of the collection was read lately, and whether scrubs keep up."""

from catalog.console import format_size
from catalog.context import CatalogContext
from catalog.formatting import format_utc
from catalog.integrity.coverage import verification_coverage
from catalog.integrity.scrub_runs import bytes_read_since, latest_requested_run, night_start
from catalog.report.elements import Baseline, Plot, PlotPoint, Section
from catalog.report.wording import DAY_SECONDS, format_duration, format_local_date, pluralize


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """Coverage as `status` counts it, over the time of the kept reports; and the last run."""
    found = verification_coverage(asking.database, asking.config.scrub.days, now)
    run = latest_requested_run(asking.database)
    lines = []
    if found["oldest"] is not None:
        never = f"; {pluralize(found['never'], 'file')} never read to the end" if found["never"] else ""
        lines.append(f"The oldest reading is {format_duration(found['oldest'] * DAY_SECONDS)} old{never}")
    if run is not None:
        read = f"{pluralize(run.files, 'file')}, {format_size(run.bytes)}"
        met = f"{run.different:,} different, {run.unreadable:,} unreadable"
        lines.append(f"The last scrub began {format_duration(max(0.0, now - run.started))} ago: {read}, {met}")
    return Section(
        "Scrub",
        f"{found['percent']:g} % of all files were read within {found['days']:g} days",
        alarm=_alarm(found["oldest"] or 0.0) if found["overdue"] else "",
        lines=tuple(lines),
        plot=_plot(found["percent"], now, last),
        record={
            **found,
            "bytes_tonight": bytes_read_since(asking.database, night_start(now)),
            "last_run": None
            if run is None
            else {"at": format_utc(run.started), "files": run.files, "bytes": run.bytes, "different": run.different},
        },
    )


def _alarm(oldest: float) -> str:
    return (
        f"Scrubs do not keep up, the oldest reading is {oldest:.0f} days old: have `catalog scrub` run each night, and"
        " raise `budget_gb` if that does not do."
    )


def _plot(percent: float, now: float, last: Baseline) -> Plot | None:
    points = [
        PlotPoint(kept.day, float(kept.records["scrub"]["percent"]))
        for kept in last.series
        if "percent" in kept.records.get("scrub", {}) and kept.day != format_local_date(now)
    ]
    if not points:
        return None  # one point is no line
    return Plot(
        "Percent of files read within the time set, by day",
        (*points, PlotPoint(format_local_date(now), percent)),
        "line",
    )
