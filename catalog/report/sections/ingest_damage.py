"""How many of what arrives is damaged: a broken way in shows as a rate."""

from catalog.context import Asking
from catalog.formatting import show
from catalog.integrity.rejected import NORMAL, Rate, least_share, rates
from catalog.report.elements import Last, Plot, Point, Section
from catalog.report.wording import utc_day

DAYS = 30
ALARM_DAYS = 7  # as `status`: an alarm that nobody heeds within a week is no alarm any more


def section(asking: Asking, now: float, last: Last) -> Section:
    """The last thirty days, and an alarm for any root and day of the last week above the limit."""
    limit = asking.config.alarm.damaged_percent
    found = rates(asking.database, now, DAYS)
    week = [rate for rate in rates(asking.database, now, ALARM_DAYS) if rate.alarming(limit)]
    files, damaged = sum(rate.files for rate in found), sum(rate.damaged for rate in found)
    percent = 100 * damaged / files if files else 0.0
    return Section(
        "Corruption rate",
        f"{percent:.1f} % of {files:,} images of the last {DAYS} days arrived damaged; {NORMAL} is normal"
        if files
        else f"No image arrived within {DAYS} days",
        alarm=" ".join(map(_alarm, week)),
        plot=_plot(found, int(now // 86400)) if damaged else None,
        more="catalog rejected --rates" if damaged else "",
        record={
            "files": files,
            "damaged": damaged,
            "percent": round(percent, 2),
            "at_least_percent": round(100 * least_share(damaged, files), 2),
            "days": [rate.record(limit) for rate in found],
        },
    )


def _alarm(rate: Rate) -> str:
    return (
        f"{rate.percent:.0f} % of {rate.files:,} images read on {utc_day(rate.day)} in {show(rate.path)} are damaged:"
        " look at how they get there."
    )


def _plot(found: list[Rate], today: int) -> Plot:
    days = range(today - DAYS + 1, today + 1)
    hurt = {day: sum(rate.damaged for rate in found if rate.day == day) for day in days}
    return Plot("Images that arrived damaged, by day", tuple(Point(utc_day(day), hurt[day], hurt[day]) for day in days))
