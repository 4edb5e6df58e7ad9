"""Train a head from labelled rows, and say honestly how good it is.

How strict, and whether a line or a small network, is chosen by grouped cross-validation; every figure is of predictions
for groups that the predicting weights have never seen, and whose labels had no part in the calibration.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.learn.calibration import Calibrator, cross_fitted, fit_calibrator
from models.learn.dataset import AugmentedViews, LabelledRows, TrainingData, grouped_folds, newest_rows
from models.learn.logistic import LogisticModel, fit_logistic
from models.learn.metrics import (
    Estimate,
    Metric,
    auc,
    average_precision,
    bootstrap_metrics,
    calibration_error,
    precision_at,
    within_group_auc,
)
from models.learn.mlp import HiddenLayer, MlpModel
from models.learn.model_choice import ChosenLearner, choose_learner, held_out_logits

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
FOLDS = 5
MIN_LABELS_PER_CLASS = 10  # of each class: with fewer there is nothing to hold out
TARGET_PRECISION = 0.9  # of those called deletable, this share is to be right; and of those called keepable
NEWEST_SHARE = 0.2


class TooFewLabels(Exception):
    """There are not enough labels to learn from; the message says how many of what are missing."""


@dataclass(frozen=True, slots=True)
class FittedHead:
    """Weights in terms of the raw features, with the link's slope folded in: float32 [F], or [F, units] of a network
    with a `hidden` layer.

    `held_out`: p_delete of each row from weights that never saw its group.
    """

    weights: Floats
    bias: float
    hidden: HiddenLayer | None
    link: Calibrator
    keep_below: float
    delete_above: float
    held_out: Doubles
    record: dict[str, Any]


def fit_head(labelled: LabelledRows, seed: int = 0) -> FittedHead:
    """Raises TooFew."""
    _check_label_counts(labelled)
    wanted = labelled.wanted
    centre, scale = _scaling(labelled.rows, labelled.dims, labelled.named)
    views = labelled.views and AugmentedViews((labelled.views.rows - centre) / scale, labelled.views.of)
    material = TrainingData((labelled.rows - centre) / scale, wanted, views)
    folds = grouped_folds(labelled.groups, wanted, FOLDS, seed)
    chosen = choose_learner(material, labelled.groups, folds, seed)
    link = fit_calibrator(chosen.logits, wanted)
    chances = cross_fitted(chosen.logits, wanted, folds)
    weights, bias, hidden = _unscaled_weights(chosen.learn(*material.whole()), link, centre, scale)
    keep_below, delete_above = decision_thresholds(wanted.astype(np.float64), chances)
    record = _record(labelled, material, folds, chosen, chances, seed) | {"noise": [link.floor, 1 - link.ceiling]}
    return FittedHead(weights, bias, hidden, link, keep_below, delete_above, link.chances(chosen.logits), record)


def _unscaled_weights(
    learnt: LogisticModel | MlpModel, link: Calibrator, centre: Floats, scale: Floats
) -> tuple[Floats, float, HiddenLayer | None]:
    """Weights and bias of the features as they come, with their scaling and the link folded in."""
    if isinstance(learnt, LogisticModel):
        line = link.slope * learnt.weights / scale
        return line.astype(np.float32), link.slope * learnt.bias + link.shift - float(centre @ line), None
    inner = learnt.inner / scale[:, None]
    hidden = HiddenLayer(learnt.shift - centre @ inner, (link.slope * learnt.outer).astype(np.float32))
    return inner, link.slope * learnt.bias + link.shift, hidden


def _check_label_counts(labelled: LabelledRows) -> None:
    deleted = int((labelled.wanted > 0.5).sum())
    kept = len(labelled.wanted) - deleted
    short = [
        f"{MIN_LABELS_PER_CLASS - n} more of {word}"
        for n, word in ((kept, "keep"), (deleted, "delete"))
        if n < MIN_LABELS_PER_CLASS
    ]
    if short:
        raise TooFewLabels(f"{kept} labels say keep and {deleted} say delete; {' and '.join(short)} are needed")


def _scaling(rows: Floats, dims: int, named: bool) -> tuple[Floats, Floats]:
    """(centre, scale), float32 [F] each. One scale for the whole embedding, whose spread tells which of its directions
    matter: made equal, the faint ones cost up to 0.02 of AUC (the default model's vectors of real pictures). So with
    the name's.
    """
    spread = rows.var(0)
    for block in (slice(dims), slice(-dims, None))[: 1 + named] if dims else ():
        spread[block] = spread[block].mean()
    scale = np.sqrt(spread)
    return rows.mean(0), np.where(scale > 1e-6, scale, 1).astype(np.float32)


def decision_thresholds(wanted: Doubles, chances: Doubles) -> tuple[float, float]:
    """(keep_below, delete_above): the widest ends of the list that were right in `SURE` of held-out cases, each."""
    order = np.argsort(chances, kind="stable")
    right = np.cumsum(1 - wanted[order]) / np.arange(1, len(order) + 1)
    low = np.flatnonzero(right >= TARGET_PRECISION)
    keep = float(chances[order[low[-1]]]) if len(low) else 0.0
    down = order[::-1]
    right = np.cumsum(wanted[down]) / np.arange(1, len(down) + 1)
    high = np.flatnonzero(right >= TARGET_PRECISION)
    delete = float(chances[down[high[-1]]]) if len(high) else 1.0
    return min(keep, delete), max(keep, delete)


RANKING_METRICS: dict[str, Metric] = {
    "auc": auc,
    "average_precision": average_precision,
    **{f"precision_at_{first}": precision_at(first) for first in (10, 100, 1000)},
}


def _record(
    labelled: LabelledRows, material: TrainingData, folds: Integers, chosen: ChosenLearner, chances: Doubles, seed: int
) -> dict[str, Any]:
    wanted, groups = labelled.wanted.astype(np.float64), labelled.groups
    line = partial(fit_logistic, strength=chosen.strength)
    bare = held_out_logits(line, material.columns(labelled.dims), folds)
    return {
        "labels": len(wanted),
        "deleted": int(wanted.sum()),
        "groups": len(np.unique(groups)),
        "views": 0 if material.views is None else len(material.views.of),
        "named": labelled.named,
        "kind": chosen.kind,
        "strength": chosen.strength,
        "folds": FOLDS,
        "seed": seed,
        "figures": _estimates_record(bootstrap_metrics(RANKING_METRICS, wanted, chosen.logits, groups, seed))
        | _estimates_record(bootstrap_metrics({"calibration_error": calibration_error}, wanted, chances, groups, seed))
        | {"within_bursts": _json_number(within_group_auc(wanted, chosen.logits, groups))},
        "no_pixels": _estimates_record(bootstrap_metrics(RANKING_METRICS, wanted, bare, groups, seed)),
        "chance": {"auc": 0.5, "average_precision": round(float(wanted.mean()), 6)},
        "newest": _newest_record(labelled, material, chosen),
    }


def _newest_record(labelled: LabelledRows, material: TrainingData, chosen: ChosenLearner) -> dict[str, Any] | None:
    """Learned from the older part, asked of the newest: what the owner will see next. None where a class is missing."""
    late = newest_rows(labelled.groups, labelled.times, NEWEST_SHARE)
    old, new = labelled.wanted[~late], labelled.wanted[late].astype(np.float64)
    if len(set(old.tolist())) < 2 or len(set(new.tolist())) < 2:
        return None
    logits = chosen.learn(*material.where(~late)).logits(material.rows[late])
    told = bootstrap_metrics(
        {"auc": auc, "average_precision": average_precision}, new, logits, labelled.groups[late], 0
    )
    return {"labels": len(new), **_estimates_record(told)}


def _estimates_record(figures: dict[str, Estimate]) -> dict[str, Any]:
    """[value, low, high] of each, None where it has no meaning: JSON knows no NaN."""
    return {
        name: [_json_number(one.value), _json_number(one.low), _json_number(one.high)] for name, one in figures.items()
    }


def _json_number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
