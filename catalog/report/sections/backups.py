"""The section on backups of the catalog."""

from typing import TYPE_CHECKING

from catalog.backup.create import Backup, backup_status, list_backups
from catalog.console import format_size
from catalog.context import CatalogContext
from catalog.report.elements import Baseline, Section
from catalog.report.wording import format_duration, pluralize

if TYPE_CHECKING:
    from catalog.json_types.report import BackupsSectionJson


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Show the newest backup, how many are kept, and what is wrong with them."""
    state = context.config.state
    status = backup_status(context.database, state, context.config.backup, now)
    backups = list_backups(state)
    record: BackupsSectionJson = {**status, "kept": len(backups)}
    alarm = f"Backup of the catalog: {status['problem']}." if status["problem"] else ""
    return Section("Backups", _headline(backups, now), alarm=alarm, record=record)


def _headline(backups: list[Backup], now: float) -> str:
    if not backups:
        return "No backup has been made yet"
    newest, *_ = backups
    age = format_duration(max(0.0, now - newest.at))
    return f"The newest is {age} old, {format_size(newest.bytes)}; {pluralize(len(backups), 'copy', 'copies')} kept"
