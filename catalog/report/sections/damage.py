"""Files that have rotted, and what became of all bytes that changed."""

from itertools import islice

from catalog.context import CatalogContext
from catalog.formatting import format_utc, path_text, printable_path
from catalog.integrity.damage import Damage, count_damaged, damaged_files
from catalog.report.elements import Baseline, Section, Table, Thumbnail
from catalog.report.wording import format_local_date, pluralize
from catalog.store.database import Database
from catalog.verdict.case import VerdictKind

SHOWN_FILES = 12
UNREPORTED_VERDICTS = (VerdictKind.FIRST, VerdictKind.ACCEPTED)  # no change that anybody has to be told of


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """Damage that stands, and verdicts since the last report."""
    total = count_damaged(asking.database)
    found = list(islice(damaged_files(asking.database), SHOWN_FILES))
    fresh = [one for one in found if one.at > last.since]
    changed = verdict_counts(asking.database, last.since)
    told = ", ".join(f"{files:,} {word}" for word, files in changed.items())
    return Section(
        "Damage",
        f"{pluralize(total, 'file')} damaged, {len(fresh)} of them new" if total else "Nothing has rotted",
        alarm=_alarm(total, len(fresh)),
        lines=(f"Bytes that changed since: {told}",) if told else (),
        rows=Table(("found", "verdict", "file", "evidence", "whole copy"), tuple(map(_row, found))),
        thumbnails=tuple(Thumbnail(one.entry.path, (one.verdict, one.evidence, _intact_copies(one))) for one in found),
        more="catalog damage" if total else "",
        record={"total": total, "new": len(fresh), "verdicts": changed, "files": [_record(one) for one in found]},
    )


def _alarm(total: int, fresh: int) -> str:
    if not total:
        return ""
    new = f", {fresh} since the last report" if fresh else ""
    return f"{pluralize(total, 'file')} {'has' if total == 1 else 'have'} lost bytes{new}: see `catalog damage`."


def _row(one: Damage) -> tuple[str | bytes, ...]:
    return format_local_date(one.at), one.verdict, one.entry.path, one.evidence, _intact_copies(one)


def _intact_copies(one: Damage) -> str:
    more = f" and {len(one.copies) - 1} more" if len(one.copies) > 1 else ""
    return f"whole: {printable_path(one.copies[0].path)}{more}" if one.copies else "no whole copy is known"


def _record(one: Damage) -> dict[str, object]:
    return {
        "path": path_text(one.entry.path),
        "verdict": one.verdict,
        "seen_at": format_utc(one.at),
        "evidence": one.evidence,
        "copies": [path_text(copy.path) for copy in one.copies],
    }


def verdict_counts(database: Database, since: float) -> dict[str, int]:
    """How many files got which verdict after `since`, most first."""
    rows = database.rows(
        "SELECT verdict, count(DISTINCT file) FROM history WHERE id >= ? AND seen_at > ? GROUP BY 1 ORDER BY 2 DESC, 1",
        *(first_history_row_after(database, since), since),
    )
    return {word: files for word, files in rows if word not in UNREPORTED_VERDICTS}


def first_history_row_after(database: Database, since: float) -> int:
    """The first row of the history that was written after `since`. Rows are written in the order of time, so it is
    found by halving: an index on the time of ten million rows would serve nothing else.
    """
    low, high = 1, int(database.value("SELECT coalesce(max(id), 0) + 1 FROM history"))
    while low < high:
        middle = (low + high) // 2
        at = database.value("SELECT seen_at FROM history WHERE id >= ? ORDER BY id LIMIT 1", middle)
        low, high = (middle + 1, high) if at is not None and at <= since else (low, middle)
    return low
