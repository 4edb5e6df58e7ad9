"""The section on what the collection holds, compared with the previous report."""

from typing import TYPE_CHECKING, cast

from catalog.context import CatalogContext
from catalog.files.ignored import count_ignored
from catalog.report.elements import Baseline, Section, Table
from catalog.report.wording import format_change, pluralize
from catalog.store.volumes import SHOWN_STATE_SQL

if TYPE_CHECKING:
    from catalog.json_types.report import ChangesSectionJson

HEADLINE_COUNTS = ("ok", "rejected", "pending", "gone", "unreachable", "ignored", "files")
FILE_COUNTS_SQL = (
    f"SELECT {SHOWN_STATE_SQL.replace('f.state', 't.state')}, sum(t.files)"
    " FROM tally t JOIN volume v ON v.id = t.volume GROUP BY 1"
)


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Count files by state, contents, vectors and labels, now and in the previous report."""
    record = _counts(context)
    counts = cast("dict[str, int]", record)
    before = baseline.record("changes")
    changed = {name: value - before[name] for name, value in counts.items() if name in before and value != before[name]}
    day = baseline.previous.day if baseline.previous else ""
    change_column = f"since {day}" if day else "change"
    rows = (
        (name, f"{value:,}", format_change(value, before.get(name)))
        for name, value in counts.items()
        if value or before.get(name)
    )
    return Section(
        "The collection",
        pluralize(record["files"], "file") + _headline(changed, day),
        table=Table(("what", "now", change_column), tuple(rows), right=("now", change_column)),
        more="catalog status",
        record=record,
    )


def _headline(changed: dict[str, int], day: str) -> str:
    if not day:
        return "; the first report, so everything is new"
    changes = ", ".join(f"{value:+,} {name}" for name, value in changed.items() if name in HEADLINE_COUNTS)
    return f"; since {day}: {changes}" if changes else f", the same as on {day}"


def _counts(context: CatalogContext) -> "ChangesSectionJson":
    database = context.database
    states = {state: int(files) for state, files in database.rows(FILE_COUNTS_SQL)}
    ignored = count_ignored(database)
    return {
        "files": sum(states.values()) - states.get("gone", 0) - states.get("dropped", 0),
        "ok": states.get("ok", 0),
        "rejected": states.get("rejected", 0),
        "pending": states.get("pending", 0),
        "gone": states.get("gone", 0) - ignored,
        "unreachable": states.get("unreachable", 0),
        "ignored": ignored,
        "contents": int(database.value("SELECT count(*) FROM content WHERE refs > 0")),
        "vectors": int(database.value("SELECT count(*) FROM vector WHERE live = 1")),
        "labels": int(database.value("SELECT count(*) FROM label")),
    }
