"""Pictures that decode but may be damaged, new since the last report."""

from catalog.context import CatalogContext
from catalog.files.queries import count_suspects, entry_by_id
from catalog.formatting import path_text
from catalog.report.elements import Baseline, Section, Table, Thumbnail
from catalog.report.wording import pluralize

SHOWN_FILES = 12
NEW_SUSPECTS_SQL = (
    "SELECT f.id FROM content c JOIN file f ON f.content = c.id AND f.state = 'ok'"
    " JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume AND v.away IS NULL"
    " WHERE c.suspect IS NOT NULL"
    " AND EXISTS (SELECT 1 FROM history h WHERE h.file = f.id AND h.content = c.id AND h.seen_at > ?)"
    " ORDER BY f.id DESC"
)


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """How many there are, and the newest. They are no alarm: one in a hundred sound files looks suspect."""
    total, fresh = count_suspects(asking.database), asking.database.rows(NEW_SUSPECTS_SQL, last.since)
    found = [entry for (file,) in fresh[:SHOWN_FILES] if (entry := entry_by_id(asking.database, file)) is not None]
    return Section(
        "Suspects",
        f"{pluralize(len(fresh), 'new picture')} that may be damaged, {total:,} in all"
        if total
        else "No picture looks damaged",
        rows=Table(("file", "why"), tuple((one.path, one.detail or "") for one in found)),
        thumbnails=tuple(Thumbnail(one.path, (one.detail or "",), one.p_delete) for one in found),
        more="catalog ls --suspect" if total else "",
        record={
            "total": total,
            "new": len(fresh),
            "files": [{"path": path_text(one.path), "detail": one.detail} for one in found],
        },
    )
