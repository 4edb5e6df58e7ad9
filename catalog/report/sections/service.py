"""The section on the service: whether it runs, answers and makes progress."""

from typing import TYPE_CHECKING

from catalog.client.health import service_health
from catalog.context import CatalogContext
from catalog.report.elements import Baseline, Section

if TYPE_CHECKING:
    from catalog.json_types.report import ServiceSectionJson


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Show whether the service guards the collection."""
    health = service_health(context.config.state, now)
    record: ServiceSectionJson = {"running": health.running, "problem": health.problem}
    return Section(
        "Service",
        "Running" if health.running else "Not running",
        alarm=f"{health.problem[0].upper()}{health.problem[1:]}. {health.remedy}" if health.problem else "",
        more="catalog doctor" if health.problem else "",
        record=record,
    )
