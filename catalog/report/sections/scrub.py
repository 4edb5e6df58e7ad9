"""The section on scrubs: how much of the collection was read recently, and whether scrubs keep up."""

from typing import TYPE_CHECKING

from catalog.console import format_size
from catalog.context import CatalogContext
from catalog.formatting import format_utc
from catalog.integrity.coverage import verification_coverage
from catalog.integrity.scrub_runs import ScrubRun, bytes_read_since, latest_requested_run, night_start
from catalog.report.elements import Baseline, Plot, PlotPoint, Section
from catalog.report.wording import DAY_SECONDS, format_duration, format_local_date, pluralize

if TYPE_CHECKING:
    from catalog.json_types.integrity import CoverageJson
    from catalog.json_types.report import LastScrubJson, ScrubSectionJson


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Show the coverage as in `status`, its course over the stored reports, and the last run."""
    coverage = verification_coverage(context.database, context.config.scrub.days, now)
    run = latest_requested_run(context.database)
    record: ScrubSectionJson = {
        **coverage,
        "bytes_tonight": bytes_read_since(context.database, night_start(now)),
        "last_run": None if run is None else _run_record(run),
    }
    return Section(
        "Scrub",
        f"{coverage['percent']:g} % of all files were read within {coverage['days']:g} days",
        alarm=_alarm(coverage),
        lines=(*_oldest_reading(coverage), *([_last_run(run, now)] if run is not None else [])),
        plot=_plot(coverage["percent"], now, baseline),
        record=record,
    )


def _run_record(run: ScrubRun) -> "LastScrubJson":
    return {"at": format_utc(run.started), "files": run.files, "bytes": run.bytes, "different": run.different}


def _oldest_reading(coverage: "CoverageJson") -> list[str]:
    if coverage["oldest"] is None:
        return []
    never = f"; {pluralize(coverage['never'], 'file')} never read to the end" if coverage["never"] else ""
    return [f"The oldest reading is {format_duration(coverage['oldest'] * DAY_SECONDS)} old{never}"]


def _last_run(run: ScrubRun, now: float) -> str:
    amount = f"{pluralize(run.files, 'file')}, {format_size(run.bytes)}"
    problems = f"{run.different:,} different, {run.unreadable:,} unreadable"
    return f"The last scrub began {format_duration(max(0.0, now - run.started))} ago: {amount}, {problems}"


def _alarm(coverage: "CoverageJson") -> str:
    if not coverage["overdue"]:
        return ""
    return (
        f"Scrubs do not keep up: the oldest reading is {coverage['oldest']:.0f} days old. Run `catalog scrub` every"
        " night; if that is not enough, raise `budget_gb`."
    )


def _plot(percent: float, now: float, baseline: Baseline) -> Plot | None:
    points = [
        PlotPoint(report.day, float(report.records["scrub"]["percent"]))
        for report in baseline.stored
        if "percent" in report.records.get("scrub", {}) and report.day != format_local_date(now)
    ]
    if not points:
        return None  # a line needs two points
    return Plot(
        "Percentage of files read within the configured period, by day",
        (*points, PlotPoint(format_local_date(now), percent)),
        "line",
    )
