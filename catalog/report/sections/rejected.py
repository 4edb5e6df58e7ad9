"""The section on files that cannot be read as images and are new since the last report."""

from collections import Counter
from itertools import takewhile
from typing import TYPE_CHECKING

from catalog.context import CatalogContext
from catalog.files.queries import FileEntry, rejected_entries
from catalog.formatting import path_text
from catalog.report.elements import Baseline, Section, Table
from catalog.report.wording import pluralize

if TYPE_CHECKING:
    from catalog.json_types.report import RejectedSectionJson

SHOWN_FILES = 8
REJECTED_COUNT_SQL = (
    "SELECT coalesce(sum(t.files), 0) FROM tally t JOIN volume v ON v.id = t.volume AND v.away IS NULL"
    " WHERE t.state = 'rejected'"
)


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Count rejected files, the new ones by reason, and show the newest. Every collection has some: no alarm."""
    total = int(context.database.value(REJECTED_COUNT_SQL))
    reasons: Counter[str] = Counter()
    shown: list[FileEntry] = []
    for entry in takewhile(lambda entry: entry.first_seen > baseline.since, rejected_entries(context.database)):
        reasons[entry.reason or ""] += 1
        if len(shown) < SHOWN_FILES:
            shown.append(entry)
    by_reason = dict(reasons.most_common())
    summary = ", ".join(f"{files:,} {reason}" for reason, files in by_reason.items())
    record: RejectedSectionJson = {
        "total": total,
        "new": reasons.total(),
        "reasons": by_reason,
        "files": [{"path": path_text(entry.path), "reason": entry.reason, "detail": entry.detail} for entry in shown],
    }
    return Section(
        "Rejected",
        f"{pluralize(reasons.total(), 'new file')} cannot be read, {total:,} in total"
        if total
        else "Every file can be read",
        lines=(f"New: {summary}",) if summary else (),
        table=Table(
            ("reason", "file", "detail"),
            tuple((entry.reason or "", entry.path, entry.detail or "") for entry in shown),
        ),
        more="catalog rejected" if total else "",
        record=record,
    )
