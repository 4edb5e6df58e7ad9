"""Which learner, and how strict: a line unless held-out groups prove that a small network tells more."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from models.learn.calibration import Doubles, cross_fitted, log_losses
from models.learn.dataset import Integers, TrainingData
from models.learn.logistic import Floats, LogisticModel, fit_logistic
from models.learn.metrics import auc, point_estimate
from models.learn.mlp import MlpModel, fit_mlp

LearnerKind = Literal["line", "net"]
Learner = Callable[[Floats, Floats], LogisticModel | MlpModel]  # rows and labels
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
MIN_STANDARD_ERRORS = (
    2.0  # standard errors by which the network has to win: nearly equal, the line is the one that can be explained
)
TRIAL_FOLDS = (
    2  # folds after which a network that is behind is given up: it takes as long as all the rest of a training
)


@dataclass(frozen=True, slots=True)
class ChosenLearner:
    """`learn`: what to train on all rows. `logits`: float64 [N], held out. `strength`: the line's, also where a network
    was chosen.
    """

    kind: LearnerKind
    learn: Learner
    strength: float
    logits: Doubles


def choose_learner(material: TrainingData, groups: Integers, folds: Integers, seed: int) -> ChosenLearner:
    """Try both on the same folds."""
    strength, logits = _tune_logistic(material, folds)
    net = partial(fit_mlp, seed=seed)
    bent = _try_mlp(net, material, folds, logits)
    if bent is not None and mlp_is_better(material.wanted, groups, folds, logits, bent):
        return ChosenLearner("net", net, strength, bent)
    return ChosenLearner("line", partial(fit_logistic, strength=strength), strength, logits)


def held_out_logits(learn: Learner, material: TrainingData, folds: Integers) -> Doubles:
    """Logits of each fold by what was learned from the others: float64 [N]."""
    logits = np.zeros(len(folds))
    for fold in np.unique(folds):
        inside = folds != fold
        logits[~inside] = learn(*material.where(inside)).logits(material.rows[~inside])
    return logits


def _tune_logistic(material: TrainingData, folds: Integers) -> tuple[float, Doubles]:
    """The strength whose held-out log loss is least, and its held-out logits.

    From the strictest up, each fold begun where it was with the strength before; the loss falls and then rises, so the
    loosest ones, which take the longest, are left out once it has risen.
    """
    rows, wanted = material.rows, material.wanted
    parts = [(*material.where(folds != fold), folds == fold) for fold in np.unique(folds)]
    lines: list[LogisticModel | None] = [None] * len(parts)
    best, chosen, held = np.inf, STRENGTHS[0], np.zeros(len(rows))
    for strength in STRENGTHS:
        logits = np.zeros(len(rows))
        for place, (inside, goal, outside) in enumerate(parts):
            lines[place] = line = fit_logistic(inside, goal, strength, lines[place])
            logits[outside] = line.logits(rows[outside])
        loss = float(np.mean(np.logaddexp(0, logits) - wanted * logits))
        if loss >= best:
            break
        best, chosen, held = loss, strength, logits
    return chosen, held


def _try_mlp(net: Learner, material: TrainingData, folds: Integers, line: Doubles) -> Doubles | None:
    """The network's held-out logits; None where it is behind after the first folds."""
    logits = np.zeros(len(folds))
    seen = np.zeros(len(folds), bool)
    goal = material.wanted.astype(np.float64)
    for tried, fold in enumerate(np.unique(folds), 1):
        outside = folds == fold
        logits[outside] = net(*material.where(~outside)).logits(material.rows[outside])
        seen |= outside
        if tried == TRIAL_FOLDS and not point_estimate(auc, goal[seen], logits[seen]) > point_estimate(
            auc, goal[seen], line[seen]
        ):
            return None
    return logits


def mlp_is_better(wanted: Floats, groups: Integers, folds: Integers, line: Doubles, net: Doubles) -> bool:
    """Whether the network's log loss, both calibrated, is lower by PROOF standard errors of the mean over groups."""
    gain = log_losses(cross_fitted(line, wanted, folds), wanted) - log_losses(cross_fitted(net, wanted, folds), wanted)
    _, members = np.unique(groups, return_inverse=True)
    sums = np.bincount(members, gain)
    return bool(sums.sum() > MIN_STANDARD_ERRORS * np.sqrt(len(sums)) * sums.std())
