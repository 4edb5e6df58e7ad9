"""Train a head from the labels, compare it with the head in use, and activate the better one."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from catalog.choices.suspect_labels import store_held_out
from catalog.embedding.features import ComputedFeatures, load_features, store_features
from catalog.errors import UsageError
from catalog.filesystem.stat_signature import Nanoseconds
from catalog.heads.name_vectors import (
    EmbedTexts,
    OnProgress,
    TextTowerKey,
    embed_missing_names,
    load_name_vectors,
    name_texts,
)
from catalog.heads.retraining import TRAINED
from catalog.heads.stored_head import StoredHead, activate_head, scoring_head, store_head
from catalog.store.database import Database
from catalog.store.events import record_event
from catalog.store.models import Model, require_current_model
from models.bundle.folder import Bundle
from models.learn.dataset import AugmentedViews, LabelledRows, near_duplicate_groups
from models.learn.file_features import FILE_FEATURES
from models.learn.head import NAME_PREFIX
from models.learn.metrics import auc, point_estimate
from models.learn.training import FittedHead, TooFewLabels, fit_head

MIN_UNSEEN_LABELS = 30  # labels given since the head in use was trained: enough to compare both heads on
AUC_MARGIN = 0.01  # a new head may be worse by this much AUC on labels unseen by both: it is the newer one

LABELLED_CONTENTS_SQL = (
    "SELECT c.id, v.data, c.traits, l.value, l.at, c.taken_at,"
    " (SELECT f.mtime_ns FROM file f WHERE f.content = c.id ORDER BY f.id LIMIT 1)"
    " FROM label l JOIN content c ON c.id = l.content JOIN vector v ON v.content = c.id AND v.model = ? ORDER BY c.id"
)


class LabelledContent(NamedTuple):
    """A row of LABELLED_CONTENTS_SQL. `vector` and `traits` are packed."""

    content: int
    vector: bytes
    traits: bytes | None
    label: str
    labelled_at: float
    taken_at: str | None
    mtime_ns: Nanoseconds | None


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Labelled contents. `labelled_at`: float64 [N], when each label was given. `computed`: file features that were
    computed now, to be stored. `features`: the names that a head keeps of its features.
    """

    contents: list[int]
    labelled: LabelledRows
    labelled_at: np.ndarray
    computed: list[ComputedFeatures]
    features: tuple[str, ...]


Augment = Callable[[TrainingSet], AugmentedViews]


class Comparison(NamedTuple):
    """Whether the new head replaces the one in use, and why, for a person to read."""

    better: bool
    reason: str


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A stored head. `used`: it scores from now on. `reason`: why, or why not. `record`: see models.learn.head.Head."""

    head: int
    used: bool
    reason: str
    record: dict[str, Any]


def train_head(
    database: Database,
    bundle: Bundle,
    embed_texts: EmbedTexts,
    *,
    augment: Augment | None = None,
    seed: int = 0,
    force: bool = False,
    on_progress: OnProgress = lambda names: None,
) -> TrainingResult:
    """Train a head and store it; activate it if it is better than the head in use, or if `force` is set.

    `database`: a writable connection. `bundle`: the one that serves queries; `embed_texts` runs its text tower.
    `augment` returns views of the training images to train on as well. `on_progress` gets the number of file names to
    embed, if any. Raises UsageError for too few labels, StoreError if the catalog holds no vectors.
    """
    model = require_current_model(database)
    training_set = _load_training_set(database, model, bundle, embed_texts, on_progress)
    if augment is not None:
        views = augment(training_set)
        training_set = replace(training_set, labelled=replace(training_set.labelled, views=views))
    try:
        fitted = fit_head(training_set.labelled, seed)
    except TooFewLabels as error:
        remedy = "Label more: `catalog label keep|delete PATH…`; `catalog next` suggests images."
        raise UsageError(str(error), remedy) from error
    active = scoring_head(database)
    comparison = Comparison(True, "asked for") if force else compare_heads(active, fitted, training_set)
    with database.transaction():
        stored = _store(database, model, training_set, fitted, used=comparison.better)
        if comparison.better:
            activate_head(database, stored)
    return TrainingResult(stored, comparison.better, comparison.reason, fitted.record)


def _load_training_set(
    database: Database, model: Model, bundle: Bundle, embed_texts: EmbedTexts, on_progress: OnProgress
) -> TrainingSet:
    """Load all labelled contents that have a vector of `model`.

    If the bundle has a text tower, file names are features too; names without a vector are embedded and stored first.
    Raises UsageError if nothing is labelled.
    """
    rows = [LabelledContent(*row) for row in database.rows(LABELLED_CONTENTS_SQL, model.id)]
    if not rows:
        raise UsageError("nothing is labelled yet", "Choose: `catalog label keep|delete PATH…`.")
    batch = load_features(database, [(row.content, row.vector, row.traits) for row in rows], model.dims)
    values, features = batch.rows, FILE_FEATURES
    tower = _text_tower(model, bundle)
    if tower is not None:
        texts = name_texts(database, batch)
        embed_missing_names(database, tower, texts, embed_texts, on_progress)
        values = np.hstack([values, load_name_vectors(database, tower, texts).vectors])
        features = (*FILE_FEATURES, NAME_PREFIX + tower.id)
    labelled = LabelledRows(
        values,
        np.array([row.label == "delete" for row in rows], np.float32),
        near_duplicate_groups(batch.vectors, bundle.near_duplicate_cosine),
        np.array([_image_time(row) for row in rows]),
        model.dims,
        has_names=tower is not None,
    )
    return TrainingSet(batch.contents, labelled, np.array([row.labelled_at for row in rows]), batch.fresh, features)


def _text_tower(model: Model, bundle: Bundle) -> TextTowerKey | None:
    """Return the bundle's text tower; None if it has none, or is not the bundle that made the model's vectors."""
    if bundle.text is None or bundle.id != model.digest:
        return None
    return TextTowerKey(model.id, bundle.text.id, model.dims)


def _image_time(row: LabelledContent) -> float:
    """Return when the picture was taken, or else when its file was modified, in seconds since the epoch."""
    try:
        return datetime.fromisoformat(row.taken_at or "").timestamp()
    except (ValueError, OverflowError, OSError):
        return int(row.mtime_ns or 0) / 1e9


def compare_heads(active: StoredHead | None, fitted: FittedHead, training_set: TrainingSet) -> Comparison:
    """Compare a new head with the one in use, on labels that neither was trained on.

    These are the labels given since the head in use was trained: the new head's predictions for them are held out by
    group. Where there are too few of them, compare the recorded AUC.
    """
    if active is None:
        return Comparison(True, "there was none")
    unseen = training_set.labelled_at > active.made_at
    labels = training_set.labelled.labels[unseen].astype(np.float64)
    # A head for names by another text tower cannot score these features.
    comparable = active.head.features in (FILE_FEATURES, training_set.features)
    if len(labels) < MIN_UNSEEN_LABELS or len(set(labels.tolist())) < 2 or not comparable:
        return _compare_records(active, fitted, len(labels))
    new_auc = point_estimate(auc, labels, fitted.held_out[unseen])
    features = training_set.labelled.features[unseen, : len(active.head.weights)]  # names, if it has none, come last
    active_auc = point_estimate(auc, labels, active.head.p_delete(features).astype(np.float64))
    reason = f"AUC {new_auc:.3f} against {active_auc:.3f} on {len(labels)} labels that neither was trained on"
    return Comparison(new_auc >= active_auc - AUC_MARGIN, reason)


def _compare_records(active: StoredHead, fitted: FittedHead, unseen_labels: int) -> Comparison:
    new_auc, _, _ = fitted.record["figures"]["auc"]
    _, lower_bound, _ = active.head.record["figures"]["auc"]
    if new_auc >= lower_bound - AUC_MARGIN:
        return Comparison(True, f"as good as the one before, as far as {unseen_labels} new labels can tell")
    return Comparison(
        False, f"its AUC of {new_auc:.3f} is below the interval of the one before, which starts at {lower_bound:.3f}"
    )


def _store(database: Database, model: Model, training_set: TrainingSet, fitted: FittedHead, *, used: bool) -> int:
    """Store the head, the computed features and the held-out scores; return the head's id. In a transaction."""
    store_features(database, training_set.computed)
    stored = store_head(database, model, fitted.head(model.digest, training_set.features), time.time())
    held_out = [(float(p), content) for p, content in zip(fitted.held_out, training_set.contents, strict=True)]
    store_held_out(database, held_out)
    detail = json.dumps({"head": stored, "used": used, "labels": len(held_out)})
    record_event(database, time.time(), TRAINED, detail=detail)
    return stored
