"""The section on readable images that may be damaged and are new since the last report."""

from typing import TYPE_CHECKING

from catalog.context import CatalogContext
from catalog.files.queries import count_suspects, entry_by_id
from catalog.formatting import path_text
from catalog.report.elements import Baseline, Section, Table, Thumbnail
from catalog.report.wording import pluralize

if TYPE_CHECKING:
    from catalog.json_types.report import SuspectsSectionJson

SHOWN_FILES = 12
NEW_SUSPECTS_SQL = (
    "SELECT f.id FROM content c JOIN file f ON f.content = c.id AND f.state = 'ok'"
    " JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume AND v.away IS NULL"
    " WHERE c.suspect IS NOT NULL"
    " AND EXISTS (SELECT 1 FROM history h WHERE h.file = f.id AND h.content = c.id AND h.seen_at > ?)"
    " ORDER BY f.id DESC"
)


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Count suspect images and show the newest. One in a hundred sound files looks suspect: no alarm."""
    total, new = count_suspects(context.database), context.database.rows(NEW_SUSPECTS_SQL, baseline.since)
    entries = [entry for (file,) in new[:SHOWN_FILES] if (entry := entry_by_id(context.database, file)) is not None]
    record: SuspectsSectionJson = {
        "total": total,
        "new": len(new),
        "files": [{"path": path_text(entry.path), "detail": entry.detail} for entry in entries],
    }
    return Section(
        "Suspects",
        f"{pluralize(len(new), 'new image')} may be damaged, {total:,} in total" if total else "No image looks damaged",
        table=Table(("file", "reason"), tuple((entry.path, entry.detail or "") for entry in entries)),
        thumbnails=tuple(Thumbnail(entry.path, (entry.detail or "",), entry.p_delete) for entry in entries),
        more="catalog ls --suspect" if total else "",
        record=record,
    )
