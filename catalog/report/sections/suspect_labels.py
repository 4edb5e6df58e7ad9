"""Labels that look wrong."""

from catalog.choices.suspect_labels import doubts, trained
from catalog.context import Asking
from catalog.files.queries import holders
from catalog.formatting import text
from catalog.report.elements import Last, Rows, Section, Thumbnail
from catalog.report.wording import many

SHOWN = 8


def section(asking: Asking, now: float, last: Last) -> Section:
    """The first of `catalog label doubts` that a file holds. The owner may well be right: no alarm."""
    found = doubts(asking.database)
    shown = [(doubt, files[0]) for doubt in found[:SHOWN] if (files := holders(asking.database, doubt.content))]
    none = "No label looks wrong" if trained(asking.database) else "No label was judged yet"
    return Section(
        "Doubtful labels",
        f"{many(len(found), 'label')} may be wrong" if found else none,
        rows=Rows(
            ("p_delete", "label", "file"),
            tuple((f"{doubt.p_delete:.3f}", doubt.label, file.path) for doubt, file in shown),
            right=("p_delete",),
        ),
        thumbnails=tuple(Thumbnail(file.path, (f"labelled {doubt.label}",), doubt.p_delete) for doubt, file in shown),
        more="catalog label doubts" if found else "",
        record={
            "doubts": len(found),
            "files": [
                {"path": text(file.path), "label": doubt.label, "p_delete": round(doubt.p_delete, 6)}
                for doubt, file in shown
            ],
        },
    )
