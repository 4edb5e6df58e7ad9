"""What came in: images read for the first time or with new bytes, by day."""

from catalog.context import CatalogContext
from catalog.integrity.rejected import damage_rates
from catalog.report.elements import Baseline, Plot, PlotPoint, Section
from catalog.report.wording import format_utc_date, pluralize

PERIOD_DAYS = 30


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """Files a day for thirty days, and what still waits."""
    today = int(now // 86400)
    by_day = dict.fromkeys(range(today - PERIOD_DAYS + 1, today + 1), (0, 0))
    for rate in damage_rates(asking.database, now, PERIOD_DAYS):
        files, damaged = by_day[rate.day]
        by_day[rate.day] = files + rate.files, damaged + rate.damaged
    pending = int(asking.database.value("SELECT coalesce(sum(files), 0) FROM tally WHERE state = 'pending'"))
    total = sum(files for files, _ in by_day.values())
    points = tuple(PlotPoint(format_utc_date(day), files, damaged) for day, (files, damaged) in by_day.items())
    return Section(
        "Ingest",
        f"{pluralize(total, 'image')} read in {PERIOD_DAYS} days, "
        f"{by_day[today][0]:,} today, {by_day[today - 1][0]:,} yesterday",
        lines=(f"{pluralize(pending, 'file')} waiting to be read",) if pending else (),
        plot=Plot("Images read, by day; the damaged ones in red", points) if total else None,
        record={
            "files": total,
            "pending": pending,
            "days": [{"day": point.label, "files": point.value, "damaged": point.bad} for point in points],
        },
    )
