"""The section on bit rot and other changes of bytes."""

from itertools import islice
from typing import TYPE_CHECKING

from catalog.context import CatalogContext
from catalog.formatting import format_utc, path_text, printable_path
from catalog.integrity.damage import Damage, count_damaged, damaged_files
from catalog.report.elements import Baseline, Cell, Section, Table, Thumbnail
from catalog.report.wording import format_local_date, pluralize
from catalog.store.database import Database
from catalog.verdict.case import VerdictKind

if TYPE_CHECKING:
    from catalog.json_types.report import DamageSectionJson, ReportedDamageJson

SHOWN_FILES = 12
UNREPORTED_VERDICTS = (VerdictKind.FIRST, VerdictKind.ACCEPTED)  # not changes that anyone needs to know about


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Show damaged files, and count the verdicts since the last report."""
    total = count_damaged(context.database)
    shown = list(islice(damaged_files(context.database), SHOWN_FILES))
    new = sum(damage.at > baseline.since for damage in shown)
    verdicts = verdict_counts(context.database, baseline.since)
    changes = ", ".join(f"{files:,} {verdict}" for verdict, files in verdicts.items())
    record: DamageSectionJson = {
        "total": total,
        "new": new,
        "verdicts": verdicts,
        "files": [_record(damage) for damage in shown],
    }
    return Section(
        "Damage",
        f"{pluralize(total, 'file')} damaged, {new} of them new" if total else "No damage found",
        alarm=_alarm(total, new),
        lines=(f"Files whose bytes changed since the last report: {changes}",) if changes else (),
        table=Table(("found", "verdict", "file", "evidence", "intact copy"), tuple(map(_row, shown))),
        thumbnails=tuple(map(_thumbnail, shown)),
        more="catalog damage" if total else "",
        record=record,
    )


def _alarm(total: int, new: int) -> str:
    if not total:
        return ""
    note = f", {new} of them new" if new else ""
    return f"{pluralize(total, 'file')} {'has' if total == 1 else 'have'} lost bytes{note}: see `catalog damage`."


def _row(damage: Damage) -> tuple[Cell, ...]:
    found = format_local_date(damage.at)
    return found, damage.verdict, damage.entry.path, damage.evidence, _intact_copies(damage)


def _thumbnail(damage: Damage) -> Thumbnail:
    return Thumbnail(damage.entry.path, (damage.verdict, damage.evidence, _intact_copies(damage)))


def _intact_copies(damage: Damage) -> str:
    if not damage.copies:
        return "no intact copy known"
    first, *others = damage.copies
    return f"intact: {printable_path(first.path)}" + (f" and {len(others)} more" if others else "")


def _record(damage: Damage) -> "ReportedDamageJson":
    return {
        "path": path_text(damage.entry.path),
        "verdict": damage.verdict,
        "seen_at": format_utc(damage.at),
        "evidence": damage.evidence,
        "copies": [path_text(copy.path) for copy in damage.copies],
    }


def verdict_counts(database: Database, since: float) -> dict[str, int]:
    """Return the number of files by verdict after `since`, most frequent first."""
    rows = database.rows(
        "SELECT verdict, count(DISTINCT file) FROM history WHERE id >= ? AND seen_at > ? GROUP BY 1 ORDER BY 2 DESC, 1",
        *(first_history_row_after(database, since), since),
    )
    return {verdict: files for verdict, files in rows if verdict not in UNREPORTED_VERDICTS}


def first_history_row_after(database: Database, since: float) -> int:
    """Return the id of the first history row written after `since`.

    Rows are in order of time, so a binary search finds it: an index on the time of ten million rows would serve
    nothing else.
    """
    low, high = 1, int(database.value("SELECT coalesce(max(id), 0) + 1 FROM history"))
    while low < high:
        middle = (low + high) // 2
        at = database.value("SELECT seen_at FROM history WHERE id >= ? ORDER BY id LIMIT 1", middle)
        low, high = (middle + 1, high) if at is not None and at <= since else (low, middle)
    return low
