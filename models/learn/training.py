"""Train a head from labelled rows, and measure it on rows it was not trained on.

The regularisation strength, and whether to use a linear model or a small network, are chosen by grouped
cross-validation. Every metric is of predictions for groups unseen by the predicting weights and by the calibration.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from models.learn.calibration import Calibrator, cross_fitted, fit_calibrator
from models.learn.dataset import AugmentedViews, Integers, LabelledRows, TrainingData, grouped_folds, newest_rows
from models.learn.head import Head
from models.learn.logistic import Doubles, Floats, LogisticModel, fit_logistic
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

FOLDS = 5
MIN_LABELS_PER_CLASS = 10  # with fewer there is nothing to hold out
TARGET_PRECISION = 0.9  # of the decisions delete and keep, each
NEWEST_SHARE = 0.2
RANKING_METRICS: dict[str, Metric] = {
    "auc": auc,
    "average_precision": average_precision,
    **{f"precision_at_{count}": precision_at(count) for count in (10, 100, 1000)},
}


class TooFewLabels(Exception):
    """Too few labels to train on; the message says how many of which kind are missing."""


class Scaling(NamedTuple):
    """`centre`, `scale`: float32 [F]. Scaled features are (x - centre) / scale."""

    centre: Floats
    scale: Floats

    def apply(self, features: Floats) -> Floats:
        """Return the scaled features, float32 [N, F]."""
        scaled: Floats = (features - self.centre) / self.scale
        return scaled


class UnscaledWeights(NamedTuple):
    """Weights for raw features, with scaling and calibration folded in: float32 [F], or [F, units] with `hidden`."""

    weights: Floats
    bias: float
    hidden: HiddenLayer | None


@dataclass(frozen=True, slots=True)
class FittedHead:
    """A trained model with its thresholds and metrics. `held_out`: float64 [N], p_delete of each row by weights that
    were fitted without its group.
    """

    weights: UnscaledWeights
    calibrator: Calibrator
    keep_below: float
    delete_above: float
    held_out: Doubles
    record: dict[str, Any]

    def head(self, model: str, features: tuple[str, ...]) -> Head:
        """Return the head to store, for the bundle with digest `model` and these feature names."""
        weights, bias, hidden = self.weights
        return Head(
            model,
            features,
            weights,
            bias,
            self.calibrator.floor,
            self.calibrator.ceiling,
            self.keep_below,
            self.delete_above,
            self.record,
            hidden,
        )


def fit_head(labelled: LabelledRows, seed: int = 0) -> FittedHead:
    """Train on all rows, after choosing the model by cross-validation. Raises TooFewLabels."""
    _check_label_counts(labelled)
    labels, groups = labelled.labels, labelled.groups
    scaling = _fit_scaling(labelled)
    views = labelled.views and AugmentedViews(scaling.apply(labelled.views.features), labelled.views.sources)
    data = TrainingData(scaling.apply(labelled.features), labels, views)
    folds = grouped_folds(groups, labels, FOLDS, seed)
    chosen = choose_learner(data, groups, folds, seed)
    calibrator = fit_calibrator(chosen.held_out_logits, labels)
    probabilities = cross_fitted(chosen.held_out_logits, labels, folds)
    weights = _unscaled_weights(chosen.fit(*data.everything()), calibrator, scaling)
    keep_below, delete_above = decision_thresholds(labels.astype(np.float64), probabilities)
    record = _record(labelled, data, folds, chosen, probabilities, seed)
    record["noise"] = [calibrator.floor, 1 - calibrator.ceiling]
    held_out = calibrator.probabilities(chosen.held_out_logits)
    return FittedHead(weights, calibrator, keep_below, delete_above, held_out, record)


def _unscaled_weights(model: LogisticModel | MlpModel, calibrator: Calibrator, scaling: Scaling) -> UnscaledWeights:
    bias = calibrator.slope * model.bias + calibrator.shift
    if isinstance(model, LogisticModel):
        linear = calibrator.slope * model.weights / scaling.scale
        return UnscaledWeights(linear.astype(np.float32), bias - float(scaling.centre @ linear), None)
    weights = model.weights / scaling.scale[:, None]
    output_weights = (calibrator.slope * model.hidden.output_weights).astype(np.float32)
    return UnscaledWeights(weights, bias, HiddenLayer(model.hidden.bias - scaling.centre @ weights, output_weights))


def _check_label_counts(labelled: LabelledRows) -> None:
    deleted = int((labelled.labels > 0.5).sum())
    kept = len(labelled.labels) - deleted
    missing = [
        f"{MIN_LABELS_PER_CLASS - count} more of {label}"
        for count, label in ((kept, "keep"), (deleted, "delete"))
        if count < MIN_LABELS_PER_CLASS
    ]
    if missing:
        raise TooFewLabels(f"too few labels: {kept} keep and {deleted} delete; still needed: {' and '.join(missing)}")


def _fit_scaling(labelled: LabelledRows) -> Scaling:
    """Use one scale for the whole embedding, and one for the name vector.

    The spread of an embedding's directions tells which of them matter: with equal spreads, the faint ones cost up to
    0.02 of AUC (default model, vectors of real images).
    """
    variance, dims = labelled.features.var(0), labelled.dims
    if dims:
        variance[:dims] = variance[:dims].mean()
        if labelled.has_names:
            variance[-dims:] = variance[-dims:].mean()
    scale = np.sqrt(variance)
    return Scaling(labelled.features.mean(0), np.where(scale > 1e-6, scale, 1).astype(np.float32))


def decision_thresholds(labels: Doubles, probabilities: Doubles) -> tuple[float, float]:
    """Return (keep_below, delete_above): the longest ends of the ranking that reach TARGET_PRECISION, held out."""
    order = np.argsort(probabilities, kind="stable")
    keep_precision = np.cumsum(1 - labels[order]) / np.arange(1, len(order) + 1)
    sufficient = np.flatnonzero(keep_precision >= TARGET_PRECISION)
    keep = float(probabilities[order[sufficient[-1]]]) if len(sufficient) else 0.0
    order = order[::-1]
    delete_precision = np.cumsum(labels[order]) / np.arange(1, len(order) + 1)
    sufficient = np.flatnonzero(delete_precision >= TARGET_PRECISION)
    delete = float(probabilities[order[sufficient[-1]]]) if len(sufficient) else 1.0
    return min(keep, delete), max(keep, delete)


def _record(
    labelled: LabelledRows,
    data: TrainingData,
    folds: Integers,
    chosen: ChosenLearner,
    probabilities: Doubles,
    seed: int,
) -> dict[str, Any]:
    """Return how the head was trained and its held-out metrics, as JSON."""
    labels, groups, logits = labelled.labels.astype(np.float64), labelled.groups, chosen.held_out_logits
    linear = partial(fit_logistic, strength=chosen.strength)
    no_pixels_logits = held_out_logits(linear, data.without_columns(labelled.dims), folds)

    def estimates(metrics: dict[str, Metric], scores: Doubles) -> dict[str, Any]:
        return _estimates_record(bootstrap_metrics(metrics, labels, scores, groups, seed))

    return {
        "labels": len(labels),
        "deleted": int(labels.sum()),
        "groups": len(np.unique(groups)),
        "views": 0 if data.views is None else len(data.views.sources),
        "named": labelled.has_names,
        "kind": chosen.kind,
        "strength": chosen.strength,
        "folds": FOLDS,
        "seed": seed,
        "figures": {
            **estimates(RANKING_METRICS, logits),
            **estimates({"calibration_error": calibration_error}, probabilities),
            "within_bursts": _json_number(within_group_auc(labels, logits, groups)),
        },
        "no_pixels": estimates(RANKING_METRICS, no_pixels_logits),
        "chance": {"auc": 0.5, "average_precision": round(float(labels.mean()), 6)},
        "newest": _newest_record(labelled, data, chosen),
    }


def _newest_record(labelled: LabelledRows, data: TrainingData, chosen: ChosenLearner) -> dict[str, Any] | None:
    """Return the metrics on the newest rows of a model fitted on the older ones, as for images still to come. None if
    either part has one class only.
    """
    newest = newest_rows(labelled.groups, labelled.times, NEWEST_SHARE)
    old_labels, new_labels = labelled.labels[~newest], labelled.labels[newest].astype(np.float64)
    if len(set(old_labels.tolist())) < 2 or len(set(new_labels.tolist())) < 2:
        return None
    logits = chosen.fit(*data.select(~newest)).logits(data.features[newest])
    metrics: dict[str, Metric] = {"auc": auc, "average_precision": average_precision}
    estimates = bootstrap_metrics(metrics, new_labels, logits, labelled.groups[newest], 0)
    return {"labels": len(new_labels), **_estimates_record(estimates)}


def _estimates_record(estimates: dict[str, Estimate]) -> dict[str, Any]:
    """Return [value, low, high] of each estimate."""
    return {
        name: [_json_number(one.value), _json_number(one.low), _json_number(one.high)]
        for name, one in estimates.items()
    }


def _json_number(value: float) -> float | None:
    """Return the rounded value; None for NaN, which JSON does not have."""
    return None if np.isnan(value) else round(float(value), 6)
