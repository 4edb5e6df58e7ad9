"""Find labels that look wrong: a head trained without them and their near duplicates confidently disagrees.

Confident learning (Northcutt, Jiang, Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels", 2021):
the threshold of a class is the mean probability of that class over the contents labelled with it. A label is an
off-diagonal entry of the confident joint if the other class reaches its threshold and is the more probable of the
classes that do. Labels are ranked by normalised margin: the probability of the given label minus that of the other.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from catalog.choices.labels import LabelChoice, labelled_paths
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.labels import SuspectLabelJson

CONFIRMED_SOURCE = "confirmed"  # the source of a label that the owner confirmed; it is not suspected again
HELD_OUT_SQL = (
    "SELECT l.content, c.sha256, l.value, l.source, l.held_out FROM label l JOIN content c ON c.id = l.content"
    " WHERE l.held_out IS NOT NULL ORDER BY l.content"
)


class LabelScore(NamedTuple):
    """The score of the label at `position`, by weights that never saw it. `margin`: -1 (surely wrong) to 1."""

    position: int
    margin: float
    off_diagonal: bool


class HeldOutLabel(NamedTuple):
    """A label with the p_delete of its content, held out."""

    content: int
    sha256: bytes
    value: str
    source: str
    p_delete: float


class SuspectLabel(NamedTuple):
    """A label that looks wrong. `confident`: whether it is off the diagonal of the confident joint."""

    content: int
    sha256: bytes
    label: str
    p_delete: float
    confident: bool


def score_labels(deleted: Sequence[bool], p_delete: Sequence[float]) -> list[LabelScore]:
    """Return all labels, the likeliest wrong first: off-diagonal ones by margin, then the others by margin. Pure.

    `deleted`: the labels. `p_delete`: held out, one per label. Returns none if a class has no labels.
    """
    delete_scores = [p for is_deleted, p in zip(deleted, p_delete, strict=True) if is_deleted]
    keep_scores = [1 - p for is_deleted, p in zip(deleted, p_delete, strict=True) if not is_deleted]
    if not delete_scores or not keep_scores:
        return []
    thresholds = {True: sum(delete_scores) / len(delete_scores), False: sum(keep_scores) / len(keep_scores)}
    scores = []
    for position, (is_deleted, p) in enumerate(zip(deleted, p_delete, strict=True)):
        given, other = (p, 1 - p) if is_deleted else (1 - p, p)
        off_diagonal = other >= thresholds[not is_deleted] and (given < thresholds[is_deleted] or other > given)
        scores.append(LabelScore(position, given - other, off_diagonal))
    return sorted(scores, key=lambda score: (not score.off_diagonal, score.margin))


def suspect_labels(database: Database, *, all_labels: bool = False) -> list[SuspectLabel]:
    """Return the labels that look wrong, the likeliest first; with `all_labels`, the others follow.

    Confirmed labels are omitted, but they count for the thresholds.
    """
    labels = [HeldOutLabel(*row) for row in database.rows(HELD_OUT_SQL)]
    scores = score_labels([label.value == "delete" for label in labels], [label.p_delete for label in labels])
    ranked = [(labels[score.position], score.off_diagonal) for score in scores]
    return [
        SuspectLabel(label.content, label.sha256, label.value, label.p_delete, confident)
        for label, confident in ranked
        if label.source != CONFIRMED_SOURCE and (confident or all_labels)
    ]


def has_held_out_scores(database: Database) -> bool:
    """Return whether any label has a held-out score."""
    return database.row("SELECT 1 FROM label WHERE held_out IS NOT NULL LIMIT 1") is not None


def suspect_label_record(
    database: Database, suspect: SuspectLabel, known: dict[bytes, LabelChoice]
) -> "SuspectLabelJson":
    """Return the JSON object that `doubts --json` documents."""
    path, paths = labelled_paths(database, suspect.content, suspect.sha256, known)
    return {
        "path": path,
        "label": suspect.label,
        "p_delete": round(suspect.p_delete, 6),
        "sure": suspect.confident,
        "sha256": suspect.sha256.hex(),
        "paths": paths,
    }


def store_held_out(database: Database, scores: list[tuple[float, int]]) -> None:
    """Store (p_delete, content) by weights that saw neither the label nor near duplicates. Call in a transaction."""
    database.many("UPDATE label SET held_out = ? WHERE content = ?", scores)
