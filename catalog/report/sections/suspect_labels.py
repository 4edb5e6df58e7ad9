"""Labels that look wrong."""

from catalog.choices.suspect_labels import has_held_out_scores, suspect_labels
from catalog.context import CatalogContext
from catalog.files.queries import files_with_content
from catalog.formatting import path_text
from catalog.report.elements import Baseline, Section, Table, Thumbnail
from catalog.report.wording import pluralize

SHOWN_LABELS = 8


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """The first of `catalog label doubts` that a file holds. The owner may well be right: no alarm."""
    found = suspect_labels(asking.database)
    shown = [
        (doubt, files[0])
        for doubt in found[:SHOWN_LABELS]
        if (files := files_with_content(asking.database, doubt.content))
    ]
    none = "No label looks wrong" if has_held_out_scores(asking.database) else "No label was judged yet"
    return Section(
        "Doubtful labels",
        f"{pluralize(len(found), 'label')} may be wrong" if found else none,
        rows=Table(
            ("p_delete", "label", "file"),
            tuple((f"{doubt.p_delete:.3f}", doubt.label, file.path) for doubt, file in shown),
            right=("p_delete",),
        ),
        thumbnails=tuple(Thumbnail(file.path, (f"labelled {doubt.label}",), doubt.p_delete) for doubt, file in shown),
        more="catalog label doubts" if found else "",
        record={
            "doubts": len(found),
            "files": [
                {"path": path_text(file.path), "label": doubt.label, "p_delete": round(doubt.p_delete, 6)}
                for doubt, file in shown
            ],
        },
    )
