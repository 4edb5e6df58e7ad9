"""What is otherwise than in the last kept report, count by count."""

from catalog.context import CatalogContext
from catalog.report.elements import Baseline, Section, Table
from catalog.report.wording import format_change, pluralize

STATES = ("ok", "rejected", "pending", "gone", "unreachable")
FILE_COUNTS_SQL = (
    "SELECT CASE WHEN v.away IS NOT NULL AND t.state != 'gone' THEN 'unreachable' ELSE t.state END, sum(t.files)"
    " FROM tally t JOIN volume v ON v.id = t.volume GROUP BY 1"
)


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """Files by state, contents, vectors and labels, now and then."""
    counts = _counts(asking)
    before = last.record("changes")
    moved = {name: value - before[name] for name, value in counts.items() if name in before and value != before[name]}
    day = last.report.day if last.report else ""
    return Section(
        "The collection",
        f"{pluralize(counts['files'], 'file')}" + _headline(moved, day),
        rows=Table(
            ("what", "now", f"since {day}" if day else "change"),
            tuple(
                (name, f"{value:,}", format_change(value, before.get(name)))
                for name, value in counts.items()
                if value or before.get(name)
            ),
            right=("now", f"since {day}" if day else "change"),
        ),
        more="catalog status",
        record=counts,
    )


def _headline(moved: dict[str, int], day: str) -> str:
    if not day:
        return "; the first report, so all is new"
    told = ", ".join(f"{value:+,} {name}" for name, value in moved.items() if name in (*STATES, "files"))
    return f"; since {day}: {told}" if told else f", the same as on {day}"


def _counts(asking: CatalogContext) -> dict[str, int]:
    database = asking.database
    states = {state: int(files) for state, files in database.rows(FILE_COUNTS_SQL)}
    counts = {"files": sum(states.values()) - states.get("gone", 0)}
    counts |= {state: states.get(state, 0) for state in STATES}
    counts["contents"] = int(database.value("SELECT count(*) FROM content WHERE refs > 0"))
    counts["vectors"] = int(database.value("SELECT count(*) FROM vector WHERE live = 1"))
    counts["labels"] = int(database.value("SELECT count(*) FROM label"))
    return counts
