"""Files unreadable, new since the last report."""

from collections import Counter
from itertools import takewhile

from catalog.context import CatalogContext
from catalog.files.queries import FileEntry, rejected_entries
from catalog.formatting import path_text
from catalog.report.elements import Baseline, Section, Table
from catalog.report.wording import pluralize

SHOWN_FILES = 8
REJECTED_COUNT_SQL = (
    "SELECT coalesce(sum(t.files), 0) FROM tally t JOIN volume v ON v.id = t.volume AND v.away IS NULL"
    " WHERE t.state = 'rejected'"
)


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """How many there are, the new ones by reason, and the newest. That is what a collection is like: no alarm."""
    total = int(asking.database.value(REJECTED_COUNT_SQL))
    reasons: Counter[str] = Counter()
    found: list[FileEntry] = []
    for entry in takewhile(lambda one: one.first_seen > last.since, rejected_entries(asking.database)):
        reasons[entry.reason or ""] += 1
        if len(found) < SHOWN_FILES:
            found.append(entry)
    told = ", ".join(f"{files:,} {reason}" for reason, files in reasons.most_common())
    return Section(
        "Rejected",
        f"{pluralize(reasons.total(), 'new file')} that cannot be read, {total:,} in all"
        if total
        else "Every file can be read",
        lines=(f"New: {told}",) if told else (),
        rows=Table(
            ("reason", "file", "detail"),
            tuple((one.reason or "", one.path, one.detail or "") for one in found),
        ),
        more="catalog rejected" if total else "",
        record={
            "total": total,
            "new": reasons.total(),
            "reasons": dict(reasons.most_common()),
            "files": [{"path": path_text(one.path), "reason": one.reason, "detail": one.detail} for one in found],
        },
    )
