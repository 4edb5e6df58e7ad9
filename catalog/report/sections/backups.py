"""The catalog's own safety."""

from catalog.backup.create import Backup, backup_status, list_backups
from catalog.console import format_size
from catalog.context import CatalogContext
from catalog.report.elements import Baseline, Section
from catalog.report.wording import format_duration, pluralize


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """The newest copy, how many are kept, and what is wrong with them."""
    state = asking.config.state
    found = backup_status(asking.database, state, asking.config.backup, now)
    kept = list_backups(state)
    return Section(
        "Backups",
        _headline(kept, now),
        alarm=f"The catalog's backup: {found['problem']}." if found["problem"] else "",
        record={**found, "kept": len(kept)},
    )


def _headline(kept: list[Backup], now: float) -> str:
    if not kept:
        return "None was made yet"
    age = format_duration(max(0.0, now - kept[0].at))
    return (
        f"The newest is {age} old and has {format_size(kept[0].bytes)}; {pluralize(len(kept), 'copy', 'copies')} kept"
    )
