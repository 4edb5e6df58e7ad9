"""Model selection: the regularisation strength, and a linear model unless a network is better on held-out groups."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from models.learn.calibration import cross_fitted, log_losses
from models.learn.dataset import Integers, TrainingData
from models.learn.logistic import Doubles, Floats, LogisticModel, fit_logistic
from models.learn.metrics import auc, point_estimate
from models.learn.mlp import MlpModel, fit_mlp

LearnerKind = Literal["line", "net"]
Learner = Callable[[Floats, Floats], LogisticModel | MlpModel]  # features and labels → a fitted model
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
MIN_STANDARD_ERRORS = 2.0  # by which the network has to win: if nearly equal, the linear model can be explained
TRIAL_FOLDS = 2  # after which a losing network is given up: it takes as long as the rest of a training


@dataclass(frozen=True, slots=True)
class ChosenLearner:
    """`fit`: for all rows. `strength`: of the linear model, chosen or not. `held_out_logits`: float64 [N]."""

    kind: LearnerKind
    fit: Learner
    strength: float
    held_out_logits: Doubles


def choose_learner(data: TrainingData, groups: Integers, folds: Integers, seed: int) -> ChosenLearner:
    """Evaluate both learners on the same folds, and return the better one."""
    strength, linear_logits = _tune_logistic(data, folds)
    fit_network = partial(fit_mlp, seed=seed)
    mlp_logits = _try_mlp(fit_network, data, folds, linear_logits)
    if mlp_logits is not None and mlp_is_better(data.labels, groups, folds, linear_logits, mlp_logits):
        return ChosenLearner("net", fit_network, strength, mlp_logits)
    return ChosenLearner("line", partial(fit_logistic, strength=strength), strength, linear_logits)


def held_out_logits(fit: Learner, data: TrainingData, folds: Integers) -> Doubles:
    """Return the logits of each fold by a model fitted on the others, float64 [N]."""
    logits = np.zeros(len(folds))
    for fold in np.unique(folds):
        held_out = folds == fold
        logits[held_out] = fit(*data.select(~held_out)).logits(data.features[held_out])
    return logits


def _tune_logistic(data: TrainingData, folds: Integers) -> tuple[float, Doubles]:
    """Return the strength with the lowest held-out log loss, and its held-out logits.

    Start with the strongest regularisation, and fit each fold from the model before. The loss falls and then rises, so
    the weakest regularisation, which takes longest, is skipped once it has risen.
    """
    splits = [(*data.select(folds != fold), folds == fold) for fold in np.unique(folds)]
    models: list[LogisticModel | None] = [None] * len(splits)
    best_loss, best_strength, best_logits = np.inf, STRENGTHS[0], np.zeros(len(folds))
    for strength in STRENGTHS:
        logits = np.zeros(len(folds))
        for number, (features, labels, held_out) in enumerate(splits):
            models[number] = model = fit_logistic(features, labels, strength, models[number])
            logits[held_out] = model.logits(data.features[held_out])
        loss = float(np.mean(np.logaddexp(0, logits) - data.labels * logits))
        if loss >= best_loss:
            break
        best_loss, best_strength, best_logits = loss, strength, logits
    return best_strength, best_logits


def _try_mlp(fit: Learner, data: TrainingData, folds: Integers, linear_logits: Doubles) -> Doubles | None:
    """Return the network's held-out logits; None if it has a lower AUC on the first folds."""
    logits = np.zeros(len(folds))
    evaluated = np.zeros(len(folds), bool)
    labels = data.labels.astype(np.float64)
    for tried, fold in enumerate(np.unique(folds), 1):
        held_out = folds == fold
        logits[held_out] = fit(*data.select(~held_out)).logits(data.features[held_out])
        evaluated |= held_out
        if tried == TRIAL_FOLDS:
            mlp_auc = point_estimate(auc, labels[evaluated], logits[evaluated])
            if not mlp_auc > point_estimate(auc, labels[evaluated], linear_logits[evaluated]):  # NaN counts as worse
                return None
    return logits


def mlp_is_better(
    labels: Floats, groups: Integers, folds: Integers, linear_logits: Doubles, mlp_logits: Doubles
) -> bool:
    """Return whether the network's calibrated log loss is lower by MIN_STANDARD_ERRORS of the mean over groups."""
    linear_losses = log_losses(cross_fitted(linear_logits, labels, folds), labels)
    gain = linear_losses - log_losses(cross_fitted(mlp_logits, labels, folds), labels)
    _, group_of_row = np.unique(groups, return_inverse=True)
    sums = np.bincount(group_of_row, gain)
    return bool(sums.sum() > MIN_STANDARD_ERRORS * np.sqrt(len(sums)) * sums.std())
