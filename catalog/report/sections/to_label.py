"""Pictures whose labels would teach most."""

from catalog.context import Asking
from catalog.formatting import text
from catalog.heads.active_learning import lessons
from catalog.heads.stored_head import standing
from catalog.report.elements import Last, Rows, Section, Thumbnail
from catalog.report.wording import many

SHOWN = 8


def section(asking: Asking, now: float, last: Last) -> Section:
    """The first of `catalog next`, and how many labels there are."""
    kinds: dict[str, int] = dict(asking.database.rows("SELECT value, count(*) FROM label GROUP BY value"))
    labels = sum(kinds.values())
    found = lessons(asking, SHOWN) if standing(asking.database) is not None else []
    told = f"{many(labels, 'label')}: {kinds.get('keep', 0):,} keep, {kinds.get('delete', 0):,} delete"
    return Section(
        "Labels that would help",
        f"{told if labels else 'Nothing is labelled'}" + (f"; these {len(found)} would teach most" if found else ""),
        rows=Rows(
            ("p_delete", "file"), tuple((f"{chance:.3f}", entry.path) for entry, chance in found), right=("p_delete",)
        ),
        thumbnails=tuple(Thumbnail(entry.path, (), chance) for entry, chance in found),
        more="catalog next" if found else "",
        record={
            "labels": labels,
            "keep": kinds.get("keep", 0),
            "delete": kinds.get("delete", 0),
            "files": [{"path": text(entry.path), "p_delete": round(chance, 6)} for entry, chance in found],
        },
    )
