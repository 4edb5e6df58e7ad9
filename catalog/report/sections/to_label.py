"""Pictures whose labels would teach most."""

from catalog.context import CatalogContext
from catalog.formatting import path_text
from catalog.heads.active_learning import most_informative
from catalog.heads.stored_head import active_head
from catalog.report.elements import Baseline, Section, Table, Thumbnail
from catalog.report.wording import pluralize

SHOWN_FILES = 8


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """The first of `catalog next`, and how many labels there are."""
    kinds: dict[str, int] = dict(asking.database.rows("SELECT value, count(*) FROM label GROUP BY value"))
    labels = sum(kinds.values())
    found = most_informative(asking.database, SHOWN_FILES) if active_head(asking.database) is not None else []
    told = f"{pluralize(labels, 'label')}: {kinds.get('keep', 0):,} keep, {kinds.get('delete', 0):,} delete"
    return Section(
        "Labels that would help",
        f"{told if labels else 'Nothing is labelled'}" + (f"; these {len(found)} would teach most" if found else ""),
        rows=Table(
            ("p_delete", "file"), tuple((f"{chance:.3f}", entry.path) for entry, chance in found), right=("p_delete",)
        ),
        thumbnails=tuple(Thumbnail(entry.path, (), chance) for entry, chance in found),
        more="catalog next" if found else "",
        record={
            "labels": labels,
            "keep": kinds.get("keep", 0),
            "delete": kinds.get("delete", 0),
            "files": [{"path": path_text(entry.path), "p_delete": round(chance, 6)} for entry, chance in found],
        },
    )
