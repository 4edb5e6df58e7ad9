"""Labels that look wrong: the head, trained without them and their likes, says otherwise with confidence.

Confident learning (Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021):
a class's threshold is the mean chance of that class over what is labelled so. A label is an off-diagonal entry of the
confident joint where the other class reaches its threshold, and is the likelier one of those that do. They are ranked
by the normalised margin, the chance of the given label less that of the other.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from catalog.choices.labels import LabelChoice
from catalog.files.queries import files_with_content
from catalog.formatting import path_text
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.labels import SuspectLabelJson

CONFIRMED_SOURCE = "confirmed"  # the source of a label that the owner looked at twice: it is not asked for again
HELD_OUT_SQL = (
    "SELECT l.content, c.sha256, l.value, l.source, l.held_out FROM label l JOIN content c ON c.id = l.content"
    " WHERE l.held_out IS NOT NULL ORDER BY l.content"
)


class LabelScore(NamedTuple):
    """A label and what weights that never saw it say. `margin`: -1 (surely wrong) to 1. `off`: off the diagonal."""

    place: int
    margin: float
    off: bool


class SuspectLabel(NamedTuple):
    """A label that looks wrong. `off`: confidently so."""

    content: int
    sha256: bytes
    label: str
    p_delete: float
    off: bool


def score_labels(deleted: Sequence[bool], chances: Sequence[float]) -> list[LabelScore]:
    """All labels, the likeliest wrong first: off-diagonal ones by margin, then the others by margin. Pure.

    `chances`: p_delete of each, held out. None is off the diagonal where a class is missing.
    """
    gone = [p for is_gone, p in zip(deleted, chances, strict=True) if is_gone]
    kept = [1 - p for is_gone, p in zip(deleted, chances, strict=True) if not is_gone]
    if not gone or not kept:
        return []
    limits = {True: sum(gone) / len(gone), False: sum(kept) / len(kept)}
    judged = []
    for place, (is_gone, p) in enumerate(zip(deleted, chances, strict=True)):
        given, other = (p, 1 - p) if is_gone else (1 - p, p)
        off = other >= limits[not is_gone] and (given < limits[is_gone] or other > given)
        judged.append(LabelScore(place, given - other, off))
    return sorted(judged, key=lambda one: (not one.off, one.margin))


def suspect_labels(database: Database, *, all_labels: bool = False) -> list[SuspectLabel]:
    """Labels off the diagonal, the likeliest wrong first; with `all_labels` the others after them.

    What the owner confirmed is left out, though it counts for the thresholds.
    """
    rows = database.rows(HELD_OUT_SQL)
    judged = score_labels([row[2] == "delete" for row in rows], [row[4] for row in rows])
    ranked = [(rows[one.place], one.off) for one in judged]
    found = [SuspectLabel(content, sha256, value, p, off) for (content, sha256, value, _, p), off in ranked]
    trusted = {row[0] for row in rows if row[3] == CONFIRMED_SOURCE}
    return [one for one in found if one.content not in trusted and (one.off or all_labels)]


def has_held_out_scores(database: Database) -> bool:
    """Whether any label has been judged at all."""
    return database.row("SELECT 1 FROM label WHERE held_out IS NOT NULL LIMIT 1") is not None


def suspect_label_record(
    database: Database, doubt: SuspectLabel, known: dict[bytes, LabelChoice]
) -> "SuspectLabelJson":
    """What `doubts --json` promises. `path`: a file that holds it now, or where it was when it was labelled."""
    paths = [path_text(entry.path) for entry in files_with_content(database, doubt.content)]
    return {
        "path": paths[0] if paths else path_text(known[doubt.sha256].path) if doubt.sha256 in known else "",
        "label": doubt.label,
        "p_delete": round(doubt.p_delete, 6),
        "sure": doubt.off,
        "sha256": doubt.sha256.hex(),
        "paths": paths,
    }


def store_held_out(database: Database, scores: list[tuple[float, int]]) -> None:
    """Store (p_delete, content) by weights that saw neither the label nor near duplicates. In a transaction."""
    database.many("UPDATE label SET held_out = ? WHERE content = ?", scores)
