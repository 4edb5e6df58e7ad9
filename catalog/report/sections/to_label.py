"""The section on images to label next."""

from typing import TYPE_CHECKING

from catalog.context import CatalogContext
from catalog.formatting import path_text
from catalog.heads.active_learning import most_informative
from catalog.heads.stored_head import active_head
from catalog.report.elements import Baseline, Section, Table, Thumbnail
from catalog.report.wording import pluralize

if TYPE_CHECKING:
    from catalog.json_types.report import LessonsSectionJson

SHOWN_FILES = 8


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Show the first of `catalog next`, and count the labels."""
    database = context.database
    by_value: dict[str, int] = dict(database.rows("SELECT value, count(*) FROM label GROUP BY value"))
    total, keep, delete = sum(by_value.values()), by_value.get("keep", 0), by_value.get("delete", 0)
    found = most_informative(database, SHOWN_FILES) if active_head(database) is not None else []
    record: LessonsSectionJson = {
        "labels": total,
        "keep": keep,
        "delete": delete,
        "files": [{"path": path_text(entry.path), "p_delete": round(p_delete, 6)} for entry, p_delete in found],
    }
    counts = f"{pluralize(total, 'label')}: {keep:,} keep, {delete:,} delete" if total else "No image is labelled"
    rows = tuple((f"{p_delete:.3f}", entry.path) for entry, p_delete in found)
    return Section(
        "Images to label",
        counts + (f"; labels for these {len(found)} would help most" if found else ""),
        table=Table(("p_delete", "file"), rows, right=("p_delete",)),
        thumbnails=tuple(Thumbnail(entry.path, (), p_delete) for entry, p_delete in found),
        more="catalog next" if found else "",
        record=record,
    )
