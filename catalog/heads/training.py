"""Train a head from the owner's labels, compare it with the one in use, and put the better one to use.

What the names of labelled files say, as vectors to learn from.
"""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np

from catalog.choices.suspect_labels import store_held_out
from catalog.client.text_vectors import TextEmbedder
from catalog.context import CatalogContext
from catalog.duplicates.clustering import near_duplicate_groups
from catalog.embedding.features import ComputedFeatures, FeatureBatch, load_features, store_features
from catalog.embedding.selection import serving_bundle
from catalog.errors import UsageError
from catalog.filesystem.stat_signature import Nanoseconds
from catalog.heads.name_vectors import EMPTY_NAME, TextTowerKey, load_name_vectors, name_texts, stored_name_vectors
from catalog.heads.name_vectors import store_name_vectors as keep_names
from catalog.heads.stored_head import StoredHead, activate_head, scoring_head, store_head
from catalog.store.database import Database
from catalog.store.events import record_event
from catalog.store.models import Model, require_current_model
from models.learn.file_features import FILE_FEATURES
from models.learn.head import NAME_PREFIX, Head
from models.learn.logistic import Floats
from models.learn.metrics import auc, point_estimate
from models.learn.training import FittedHead, LabelledRows, TooFewLabels, fit_head

BATCH_NAMES = 32  # names a question to the service, and a transaction

OnProgress = Callable[[int], object]  # how many names are to be embedded


class LabelNameVectors(NamedTuple):
    """`vectors`: float32 [N, dims], of the name of each file, by the text tower `tower`."""

    tower: str
    vectors: Floats


def label_name_vectors(
    asking: CatalogContext, model: Model, described: FeatureBatch, told: OnProgress
) -> LabelNameVectors | None:
    """None for a model without words. Vectors that there are not yet are made and stored; `told` hears of how many.

    Raises PlaceFault for a text tower that may not be used.
    """
    bundle = serving_bundle(asking.config, asking.database)
    if bundle.text is None or bundle.id != model.digest:
        return None
    words = name_texts(asking.database, described)
    owner = TextTowerKey(model.id, bundle.text.id, model.dims)
    there = stored_name_vectors(asking.database, owner, [EMPTY_NAME, *words])
    lacking = [word for word in dict.fromkeys([EMPTY_NAME, *words]) if word not in there]
    if lacking:
        told(len(lacking))
        _embed_names(asking, owner, TextEmbedder(asking.config, bundle), lacking)
    return LabelNameVectors(owner.id, load_name_vectors(asking.database, owner, words).vectors)


def _embed_names(asking: CatalogContext, owner: TextTowerKey, speaker: TextEmbedder, lacking: list[str]) -> None:
    database = Database(asking.config.database, write=True)
    try:
        for start in range(0, len(lacking), BATCH_NAMES):
            part = lacking[start : start + BATCH_NAMES]
            vectors = speaker.say(part)
            with database.transaction():
                keep_names(database, owner, part, vectors)
    finally:
        database.close()


LABELLED_CONTENTS_SQL = (
    "SELECT c.id, v.data, c.traits, l.value, l.at, c.taken_at,"
    " (SELECT f.mtime_ns FROM file f WHERE f.content = c.id ORDER BY f.id LIMIT 1)"
    " FROM label l JOIN content c ON c.id = l.content JOIN vector v ON v.content = c.id AND v.model = ? ORDER BY c.id"
)
MIN_UNSEEN_LABELS = 30  # labels that the head in use has not seen, of which some are deletes: enough to compare both on
AUC_MARGIN = 0.01  # of AUC: a head that is worse by less than that on what neither saw is still the newer one


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """What came of a training. `used`: the new head scores from now on; `why`: in words, also where it does not."""

    head: int
    used: bool
    why: str
    record: dict[str, Any]


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """Labelled contents and when each label was given. `features`: what a head names them."""

    contents: list[int]
    labelled: LabelledRows
    given: np.ndarray
    fresh: list[ComputedFeatures]
    features: tuple[str, ...]


def train_head(
    asking: CatalogContext, *, force: bool = False, seed: int = 0, views: int = 0, told: OnProgress = lambda names: None
) -> TrainingResult:
    """Train, compare, store; use the new head if it is better, or if `force` says so. `views`: so many augmented ones
    of each labelled picture that still lies under a root are learned from, too. `told` hears how many names are to be
    embedded first, if any.

    Raises UsageFault with too few labels, StoreFault without vectors.
    """
    model = require_current_model(asking.database)
    pupils = _training_set(asking, model, told)
    if views:
        pupils = _augmented(asking, pupils, views, seed)
    try:
        trained = fit_head(pupils.labelled, seed)
    except TooFewLabels as error:
        raise UsageError(
            str(error), "Label more: `catalog label keep|delete PATH…`; `catalog next` names good ones."
        ) from error
    head = _build_head(model, trained, pupils.features)
    old = scoring_head(asking.database)
    better, why = (True, "asked for") if force else compare_heads(old, trained, pupils)
    return TrainingResult(_store_result(asking, model, head, better, pupils, trained), better, why, head.record)


def _training_set(asking: CatalogContext, model: Model, told: OnProgress) -> TrainingSet:
    rows = asking.database.rows(LABELLED_CONTENTS_SQL, model.id)
    if not rows:
        raise UsageError("nothing is labelled yet", "Choose: `catalog label keep|delete PATH…`.")
    described = load_features(asking.database, [(row[0], row[1], row[2]) for row in rows], model.dims)
    least = serving_bundle(asking.config, asking.database).near_duplicate_cosine
    letters = label_name_vectors(asking, model, described, told)
    labelled = LabelledRows(
        described.rows if letters is None else np.hstack([described.rows, letters.vectors]),
        np.array([row[3] == "delete" for row in rows], np.float32),
        near_duplicate_groups(described.vectors, least),
        np.array([_image_time(row[5], row[6]) for row in rows]),
        model.dims,
        named=letters is not None,
    )
    features = FILE_FEATURES if letters is None else (*FILE_FEATURES, NAME_PREFIX + letters.tower)
    return TrainingSet(described.contents, labelled, np.array([row[4] for row in rows]), described.fresh, features)


def _augmented(asking: CatalogContext, pupils: TrainingSet, count: int, seed: int) -> TrainingSet:
    from catalog.heads.augmentation import (
        embed_augmented_views,  # decoders and the model: not for a training that reads no pixel
    )

    labelled = pupils.labelled
    made = embed_augmented_views(asking, pupils.contents, labelled.rows, labelled.dims, count, seed)
    return replace(pupils, labelled=replace(labelled, views=made))


def _image_time(taken_at: str | None, mtime_ns: Nanoseconds | None) -> float:
    try:
        return datetime.fromisoformat(taken_at or "").timestamp()
    except (ValueError, OverflowError, OSError):
        return int(mtime_ns or 0) / 1e9


def _build_head(model: Model, trained: FittedHead, features: tuple[str, ...]) -> Head:
    link = trained.link
    return Head(
        model.digest,
        features,
        trained.weights,
        trained.bias,
        link.floor,
        link.ceiling,
        trained.keep_below,
        trained.delete_above,
        trained.record,
        trained.hidden,
    )


def compare_heads(old: StoredHead | None, trained: FittedHead, pupils: TrainingSet) -> tuple[bool, str]:
    """Whether the new head is to be used, and why. Both are asked only what neither of them has learned from.

    Those are the labels given since the old head was made: to the new one they are held out by group.
    """
    if old is None:
        return True, "there was none"
    unseen = pupils.given > old.made_at
    wanted = pupils.labelled.wanted[unseen].astype(np.float64)
    strange = old.head.features not in (FILE_FEATURES, pupils.features)  # names by another tower mean nothing to ours
    if len(wanted) < MIN_UNSEEN_LABELS or len(set(wanted.tolist())) < 2 or strange:
        now, before = trained.record["figures"]["auc"][0], old.head.record["figures"]["auc"][1]
        if now >= before - AUC_MARGIN:
            return True, f"as good as the one before, as far as {len(wanted)} new labels can tell"
        return False, f"its AUC of {now:.3f} lies under the interval of the one before, from {before:.3f}"
    ours = point_estimate(auc, wanted, trained.held_out[unseen])
    rows = pupils.labelled.rows[unseen, : len(old.head.weights)]  # it may know no names, which come last
    theirs = point_estimate(auc, wanted, old.head.chances(rows).astype(np.float64))
    words = f"AUC {ours:.3f} against {theirs:.3f} on {len(wanted)} labels that neither has seen"
    return ours >= theirs - AUC_MARGIN, words


def _store_result(
    asking: CatalogContext, model: Model, head: Head, better: bool, pupils: TrainingSet, trained: FittedHead
) -> int:
    database = Database(asking.config.database, write=True)
    try:
        with database.transaction():
            store_features(database, pupils.fresh)
            made = store_head(database, model, head, time.time())
            held_out = [(float(p), c) for p, c in zip(trained.held_out, pupils.contents, strict=True)]
            store_held_out(database, held_out)
            if better:
                activate_head(database, made)
            told = json.dumps({"head": made, "used": better, "labels": len(held_out)})
            record_event(database, time.time(), "trained", detail=told)
    finally:
        database.close()
    return made
