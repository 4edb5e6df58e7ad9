"""The section on new images: those read for the first time or with new bytes, by day."""

from typing import TYPE_CHECKING

from catalog.context import CatalogContext
from catalog.integrity.rejected import damage_rates
from catalog.report.elements import Baseline, Plot, PlotPoint, Section
from catalog.report.wording import DAY_SECONDS, format_utc_date, pluralize

if TYPE_CHECKING:
    from catalog.json_types.report import IngestSectionJson

PERIOD_DAYS = 30


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Count new images by day, and files waiting to be read."""
    today = int(now // DAY_SECONDS)
    by_day = dict.fromkeys(range(today - PERIOD_DAYS + 1, today + 1), (0, 0))
    for rate in damage_rates(context.database, now, PERIOD_DAYS):
        files, damaged = by_day[rate.day]
        by_day[rate.day] = files + rate.files, damaged + rate.damaged
    pending = int(context.database.value("SELECT coalesce(sum(files), 0) FROM tally WHERE state = 'pending'"))
    counts = {day: files for day, (files, _) in by_day.items()}
    total = sum(counts.values())
    points = tuple(PlotPoint(format_utc_date(day), files, damaged) for day, (files, damaged) in by_day.items())
    record: IngestSectionJson = {
        "files": total,
        "pending": pending,
        "days": [{"day": point.label, "files": point.value, "damaged": point.bad} for point in points],
    }
    return Section(
        "New images",
        f"{pluralize(total, 'image')} read in {PERIOD_DAYS} days, "
        f"{counts[today]:,} today, {counts[today - 1]:,} yesterday",
        lines=(f"{pluralize(pending, 'file')} waiting to be read",) if pending else (),
        plot=Plot("Images read, by day; damaged ones in red", points) if total else None,
        record=record,
    )
