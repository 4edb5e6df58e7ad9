"""How many of what arrives is damaged: a broken way in shows as a rate."""

from catalog.context import CatalogContext
from catalog.formatting import printable_path
from catalog.integrity.rejected import NORMAL_DAMAGE_RATE, DamageRate, damage_rates, wilson_lower_bound
from catalog.report.elements import Baseline, Plot, PlotPoint, Section
from catalog.report.wording import format_utc_date

PERIOD_DAYS = 30
ALARM_DAYS = 7  # as `status`: an alarm that nobody heeds within a week is no alarm any more


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """The last thirty days, and an alarm for any root and day of the last week above the limit."""
    limit = asking.config.alarm.damaged_percent
    found = damage_rates(asking.database, now, PERIOD_DAYS)
    week = [rate for rate in damage_rates(asking.database, now, ALARM_DAYS) if rate.alarming(limit)]
    files, damaged = sum(rate.files for rate in found), sum(rate.damaged for rate in found)
    percent = 100 * damaged / files if files else 0.0
    return Section(
        "Corruption rate",
        f"{percent:.1f} % of {files:,} images of the last {PERIOD_DAYS} "
        f"days arrived damaged; {NORMAL_DAMAGE_RATE} is normal"
        if files
        else f"No image arrived within {PERIOD_DAYS} days",
        alarm=" ".join(map(_alarm, week)),
        plot=_plot(found, int(now // 86400)) if damaged else None,
        more="catalog rejected --rates" if damaged else "",
        record={
            "files": files,
            "damaged": damaged,
            "percent": round(percent, 2),
            "at_least_percent": round(100 * wilson_lower_bound(damaged, files), 2),
            "days": [rate.record(limit) for rate in found],
        },
    )


def _alarm(rate: DamageRate) -> str:
    return (
        f"{rate.percent:.0f} % of {rate.files:,} images read on {format_utc_date(rate.day)} "
        f"in {printable_path(rate.path)} are damaged:"
        " look at how they get there."
    )


def _plot(found: list[DamageRate], today: int) -> Plot:
    days = range(today - PERIOD_DAYS + 1, today + 1)
    hurt = {day: sum(rate.damaged for rate in found if rate.day == day) for day in days}
    return Plot(
        "Images that arrived damaged, by day",
        tuple(PlotPoint(format_utc_date(day), hurt[day], hurt[day]) for day in days),
    )
