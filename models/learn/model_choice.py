"""Which learner, and how strict: a line unless held-out groups prove that a small network tells more."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from models.learn.calibration import Doubles, across, losses
from models.learn.dataset import Material
from models.learn.folds import Integers
from models.learn.logistic import Floats, Line, fit
from models.learn.metrics import auc, simply
from models.learn.mlp import Net, fit_net

Kind = Literal["line", "net"]
Learn = Callable[[Floats, Floats], Line | Net]  # rows and labels
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
PROOF = 2.0  # standard errors by which the network has to win: nearly equal, the line is the one that can be explained
TRIAL = 2  # folds after which a network that is behind is given up: it takes as long as all the rest of a training


@dataclass(frozen=True, slots=True)
class Chosen:
    """`learn`: what to train on all rows. `logits`: float64 [N], held out. `strength`: the line's, also where a network
    was chosen.
    """

    kind: Kind
    learn: Learn
    strength: float
    logits: Doubles


def choose(material: Material, groups: Integers, folds: Integers, seed: int) -> Chosen:
    """Try both on the same folds."""
    strength, logits = _line(material, folds)
    net = partial(fit_net, seed=seed)
    bent = _trial(net, material, folds, logits)
    if bent is not None and proved(material.wanted, groups, folds, logits, bent):
        return Chosen("net", net, strength, bent)
    return Chosen("line", partial(fit, strength=strength), strength, logits)


def held_out(learn: Learn, material: Material, folds: Integers) -> Doubles:
    """Logits of each fold by what was learned from the others: float64 [N]."""
    logits = np.zeros(len(folds))
    for fold in np.unique(folds):
        inside = folds != fold
        logits[~inside] = learn(*material.where(inside)).logits(material.rows[~inside])
    return logits


def _line(material: Material, folds: Integers) -> tuple[float, Doubles]:
    """The strength whose held-out log loss is least, and its held-out logits.

    From the strictest up, each fold begun where it was with the strength before; the loss falls and then rises, so the
    loosest ones, which take the longest, are left out once it has risen.
    """
    rows, wanted = material.rows, material.wanted
    parts = [(*material.where(folds != fold), folds == fold) for fold in np.unique(folds)]
    lines: list[Line | None] = [None] * len(parts)
    best, chosen, held = np.inf, STRENGTHS[0], np.zeros(len(rows))
    for strength in STRENGTHS:
        logits = np.zeros(len(rows))
        for place, (inside, goal, outside) in enumerate(parts):
            lines[place] = line = fit(inside, goal, strength, lines[place])
            logits[outside] = line.logits(rows[outside])
        loss = float(np.mean(np.logaddexp(0, logits) - wanted * logits))
        if loss >= best:
            break
        best, chosen, held = loss, strength, logits
    return chosen, held


def _trial(net: Learn, material: Material, folds: Integers, line: Doubles) -> Doubles | None:
    """The network's held-out logits; None where it is behind after the first folds."""
    logits = np.zeros(len(folds))
    seen = np.zeros(len(folds), bool)
    goal = material.wanted.astype(np.float64)
    for tried, fold in enumerate(np.unique(folds), 1):
        outside = folds == fold
        logits[outside] = net(*material.where(~outside)).logits(material.rows[outside])
        seen |= outside
        if tried == TRIAL and not simply(auc, goal[seen], logits[seen]) > simply(auc, goal[seen], line[seen]):
            return None
    return logits


def proved(wanted: Floats, groups: Integers, folds: Integers, line: Doubles, net: Doubles) -> bool:
    """Whether the network's log loss, both calibrated, is lower by PROOF standard errors of the mean over groups."""
    gain = losses(across(line, wanted, folds), wanted) - losses(across(net, wanted, folds), wanted)
    _, members = np.unique(groups, return_inverse=True)
    sums = np.bincount(members, gain)
    return bool(sums.sum() > PROOF * np.sqrt(len(sums)) * sums.std())
