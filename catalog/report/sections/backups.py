"""The catalog's own safety."""

from typing import Any

from catalog.backup.create import Backup, backup_standing, backups
from catalog.console import size
from catalog.context import Asking
from catalog.report.elements import Last, Section
from catalog.report.wording import ago, many


def section(asking: Asking, now: float, last: Last) -> Section:
    """The newest copy, how many are kept, and what is wrong with them."""
    state = asking.config.state
    found: dict[str, Any] = backup_standing(asking.database, state, asking.config.backup, now)
    kept = backups(state)
    return Section(
        "Backups",
        _headline(kept, now),
        alarm=f"The catalog's backup: {found['problem']}." if found["problem"] else "",
        record={**found, "kept": len(kept)},
    )


def _headline(kept: list[Backup], now: float) -> str:
    if not kept:
        return "None was made yet"
    age = ago(max(0.0, now - kept[0].at))
    return f"The newest is {age} old and has {size(kept[0].bytes)}; {many(len(kept), 'copy', 'copies')} kept"
