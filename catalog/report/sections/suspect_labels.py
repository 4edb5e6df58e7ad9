"""The section on labels that look wrong."""

from typing import TYPE_CHECKING

from catalog.choices.suspect_labels import has_held_out_scores, suspect_labels
from catalog.context import CatalogContext
from catalog.files.queries import files_with_content
from catalog.formatting import path_text
from catalog.report.elements import Baseline, Section, Table, Thumbnail
from catalog.report.wording import pluralize

if TYPE_CHECKING:
    from catalog.json_types.report import DoubtsSectionJson

SHOWN_LABELS = 8


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Show the first of `catalog label doubts` that a file still has. The owner may well be right: no alarm."""
    found = suspect_labels(context.database)
    shown = [
        (label, files[0])
        for label in found[:SHOWN_LABELS]
        if (files := files_with_content(context.database, label.content))
    ]
    none = "No label looks wrong" if has_held_out_scores(context.database) else "No label has been checked yet"
    record: DoubtsSectionJson = {
        "doubts": len(found),
        "files": [
            {"path": path_text(file.path), "label": label.label, "p_delete": round(label.p_delete, 6)}
            for label, file in shown
        ],
    }
    return Section(
        "Doubtful labels",
        f"{pluralize(len(found), 'label')} may be wrong" if found else none,
        table=Table(
            ("p_delete", "label", "file"),
            tuple((f"{label.p_delete:.3f}", label.label, file.path) for label, file in shown),
            right=("p_delete",),
        ),
        thumbnails=tuple(Thumbnail(file.path, (f"labelled {label.label}",), label.p_delete) for label, file in shown),
        more="catalog label doubts" if found else "",
        record=record,
    )
