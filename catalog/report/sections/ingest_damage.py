"""The section on the share of new images that are damaged: a broken import path shows as a high rate."""

from typing import TYPE_CHECKING

from catalog.context import CatalogContext
from catalog.formatting import printable_path
from catalog.integrity.rejected import NORMAL_DAMAGE_RATE, DamageRate, damage_rates, wilson_lower_bound
from catalog.report.elements import Baseline, Plot, PlotPoint, Section
from catalog.report.wording import DAY_SECONDS, format_utc_date

if TYPE_CHECKING:
    from catalog.json_types.report import CorruptionSectionJson

PERIOD_DAYS = 30
ALARM_DAYS = 7  # as in `status`: if nobody has reacted within a week, nobody will


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Show the last thirty days, with an alarm for each root and day of the last week above the limit."""
    limit = context.config.alarm.damaged_percent
    rates = damage_rates(context.database, now, PERIOD_DAYS)
    alarming = [rate for rate in damage_rates(context.database, now, ALARM_DAYS) if rate.alarming(limit)]
    files, damaged = sum(rate.files for rate in rates), sum(rate.damaged for rate in rates)
    percent = 100 * damaged / files if files else 0.0
    record: CorruptionSectionJson = {
        "files": files,
        "damaged": damaged,
        "percent": round(percent, 2),
        "at_least_percent": round(100 * wilson_lower_bound(damaged, files), 2),
        "days": [rate.record(limit) for rate in rates],
    }
    return Section(
        "Damaged arrivals",
        f"{percent:.1f} % of {files:,} new images of the last {PERIOD_DAYS} days were damaged;"
        f" {NORMAL_DAMAGE_RATE} is normal"
        if files
        else f"No new image within {PERIOD_DAYS} days",
        alarm=" ".join(map(_alarm, alarming)),
        plot=_plot(rates, int(now // DAY_SECONDS)) if damaged else None,
        more="catalog rejected --rates" if damaged else "",
        record=record,
    )


def _alarm(rate: DamageRate) -> str:
    return (
        f"{rate.percent:.0f} % of {rate.files:,} images read on {format_utc_date(rate.day)} "
        f"in {printable_path(rate.path)} are damaged: check how images get there."
    )


def _plot(rates: list[DamageRate], today: int) -> Plot:
    days = range(today - PERIOD_DAYS + 1, today + 1)
    damaged = {day: sum(rate.damaged for rate in rates if rate.day == day) for day in days}
    return Plot(
        "Damaged new images, by day",
        tuple(PlotPoint(format_utc_date(day), damaged[day], damaged[day]) for day in days),
    )
