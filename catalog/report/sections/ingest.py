"""What came in: images read for the first time or with new bytes, by day."""

from catalog.context import Asking
from catalog.integrity.rejected import rates
from catalog.report.elements import Last, Plot, Point, Section
from catalog.report.wording import many, utc_day

DAYS = 30


def section(asking: Asking, now: float, last: Last) -> Section:
    """Files a day for thirty days, and what still waits."""
    today = int(now // 86400)
    by_day = dict.fromkeys(range(today - DAYS + 1, today + 1), (0, 0))
    for rate in rates(asking.database, now, DAYS):
        files, damaged = by_day[rate.day]
        by_day[rate.day] = files + rate.files, damaged + rate.damaged
    pending = int(asking.database.value("SELECT coalesce(sum(files), 0) FROM tally WHERE state = 'pending'"))
    total = sum(files for files, _ in by_day.values())
    points = tuple(Point(utc_day(day), files, damaged) for day, (files, damaged) in by_day.items())
    return Section(
        "Ingest",
        f"{many(total, 'image')} read in {DAYS} days, {by_day[today][0]:,} today, {by_day[today - 1][0]:,} yesterday",
        lines=(f"{many(pending, 'file')} waiting to be read",) if pending else (),
        plot=Plot("Images read, by day; the damaged ones in red", points) if total else None,
        record={
            "files": total,
            "pending": pending,
            "days": [{"day": point.label, "files": point.value, "damaged": point.bad} for point in points],
        },
    )
