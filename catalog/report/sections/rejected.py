"""Files unreadable, new since the last report."""

from collections import Counter
from itertools import takewhile

from catalog.context import Asking
from catalog.files.queries import Entry, rejected
from catalog.formatting import text
from catalog.report.elements import Last, Rows, Section
from catalog.report.wording import many

SHOWN = 8
TOTAL = (
    "SELECT coalesce(sum(t.files), 0) FROM tally t JOIN volume v ON v.id = t.volume AND v.away IS NULL"
    " WHERE t.state = 'rejected'"
)


def section(asking: Asking, now: float, last: Last) -> Section:
    """How many there are, the new ones by reason, and the newest. That is what a collection is like: no alarm."""
    total = int(asking.database.value(TOTAL))
    reasons: Counter[str] = Counter()
    found: list[Entry] = []
    for entry in takewhile(lambda one: one.first_seen > last.since, rejected(asking.database)):
        reasons[entry.reason or ""] += 1
        if len(found) < SHOWN:
            found.append(entry)
    told = ", ".join(f"{files:,} {reason}" for reason, files in reasons.most_common())
    return Section(
        "Rejected",
        f"{many(reasons.total(), 'new file')} that cannot be read, {total:,} in all"
        if total
        else "Every file can be read",
        lines=(f"New: {told}",) if told else (),
        rows=Rows(
            ("reason", "file", "detail"),
            tuple((one.reason or "", one.path, one.detail or "") for one in found),
        ),
        more="catalog rejected" if total else "",
        record={
            "total": total,
            "new": reasons.total(),
            "reasons": dict(reasons.most_common()),
            "files": [{"path": text(one.path), "reason": one.reason, "detail": one.detail} for one in found],
        },
    )
