"""Train a head from labelled rows, and say honestly how good it is.

The strength of the regularisation is chosen by grouped cross-validation; every figure is of predictions for groups
that the predicting weights have never seen, and whose labels had no part in the calibration.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.calibration import Link, calibrate
from models.folds import grouped, latest
from models.judging import (
    Figure,
    Measure,
    auc,
    average_precision,
    calibration_error,
    judged,
    precision_at,
    within_groups,
)
from models.logistic import Line, fit

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
FOLDS = 5
LEAST = 10  # of each class: with fewer there is nothing to hold out
SURE = 0.9  # of those called deletable, this share is to be right; and of those called keepable
NEWEST = 0.2


class TooFew(Exception):
    """There are not enough labels to learn from; the message says how many of what are missing."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """`rows`: float32 [N, F], the embedding first (`dims` numbers). `wanted`: float32 [N], 1 = delete. `groups`:
    int64 [N], equal for near duplicates. `times`: float64 [N], seconds since the epoch, of the picture or its file.
    """

    rows: Floats
    wanted: Floats
    groups: Integers
    times: Doubles
    dims: int


@dataclass(frozen=True, slots=True)
class Trained:
    """Weights in terms of the raw features, with the link's slope folded in.

    `held_out`: p_delete of each row from weights that never saw its group.
    """

    weights: Floats
    bias: float
    link: Link
    keep_below: float
    delete_above: float
    held_out: Doubles
    record: dict[str, Any]


def train(labelled: Labelled, seed: int = 0) -> Trained:
    """Raises TooFew."""
    _enough(labelled)
    centre, scale = _scaling(labelled.rows)
    rows = (labelled.rows - centre) / scale
    folds = grouped(labelled.groups, labelled.wanted, FOLDS, seed)
    strength, logits = _choose(rows, labelled.wanted, folds)
    link = calibrate(logits, labelled.wanted)
    chances = _calibrated(logits, labelled.wanted, folds)
    line = fit(rows, labelled.wanted, strength)
    weights = link.slope * line.weights / scale
    bias = link.slope * line.bias + link.shift - float(centre @ weights)
    keep_below, delete_above = limits(labelled.wanted.astype(np.float64), chances)
    record = _record(labelled, rows, folds, strength, logits, chances, seed) | {"noise": [link.floor, 1 - link.ceiling]}
    return Trained(weights.astype(np.float32), bias, link, keep_below, delete_above, link.chances(logits), record)


def _calibrated(logits: Doubles, wanted: Floats, folds: Integers) -> Doubles:
    """Chances of each fold by the link of the others: the calibration, too, is judged on what it has not seen."""
    chances = np.zeros(len(logits))
    for fold in range(FOLDS):
        inside = folds != fold
        chances[~inside] = calibrate(logits[inside], wanted[inside]).chances(logits[~inside])
    return chances


def _enough(labelled: Labelled) -> None:
    deleted = int((labelled.wanted > 0.5).sum())
    kept = len(labelled.wanted) - deleted
    short = [f"{LEAST - n} more of {word}" for n, word in ((kept, "keep"), (deleted, "delete")) if n < LEAST]
    if short:
        raise TooFew(f"{kept} labels say keep and {deleted} say delete; {' and '.join(short)} are needed")


def _scaling(rows: Floats) -> tuple[Floats, Floats]:
    scale = rows.std(0)
    return rows.mean(0), np.where(scale > 1e-6, scale, 1).astype(np.float32)


def _choose(rows: Floats, wanted: Floats, folds: Integers) -> tuple[float, Doubles]:
    """The strength whose held-out log loss is least, and its held-out logits.

    From the strictest up, each fold begun where it was with the strength before; the loss falls and then rises, so the
    loosest ones, which take the longest, are left out once it has risen.
    """
    parts = [(rows[folds != fold], wanted[folds != fold], folds == fold) for fold in range(FOLDS)]
    lines: list[Line | None] = [None] * FOLDS
    best, chosen, held = np.inf, STRENGTHS[0], np.zeros(len(rows))
    for strength in STRENGTHS:
        logits = np.zeros(len(rows))
        for fold, (inside, goal, outside) in enumerate(parts):
            lines[fold] = line = fit(inside, goal, strength, lines[fold])
            logits[outside] = line.logits(rows[outside])
        loss = float(np.mean(np.logaddexp(0, logits) - wanted * logits))
        if loss >= best:
            break
        best, chosen, held = loss, strength, logits
    return chosen, held


def limits(wanted: Doubles, chances: Doubles) -> tuple[float, float]:
    """(keep_below, delete_above): the widest ends of the list that were right in `SURE` of held-out cases, each."""
    order = np.argsort(chances, kind="stable")
    right = np.cumsum(1 - wanted[order]) / np.arange(1, len(order) + 1)
    low = np.flatnonzero(right >= SURE)
    keep = float(chances[order[low[-1]]]) if len(low) else 0.0
    down = order[::-1]
    right = np.cumsum(wanted[down]) / np.arange(1, len(down) + 1)
    high = np.flatnonzero(right >= SURE)
    delete = float(chances[down[high[-1]]]) if len(high) else 1.0
    return min(keep, delete), max(keep, delete)


RANKING: dict[str, Measure] = {
    "auc": auc,
    "average_precision": average_precision,
    **{f"precision_at_{first}": precision_at(first) for first in (10, 100, 1000)},
}


def _record(
    labelled: Labelled, rows: Floats, folds: Integers, strength: float, logits: Doubles, chances: Doubles, seed: int
) -> dict[str, Any]:
    wanted, groups = labelled.wanted.astype(np.float64), labelled.groups
    bare = _held_out(rows[:, labelled.dims :], labelled.wanted, folds, strength)
    return {
        "labels": len(wanted),
        "deleted": int(wanted.sum()),
        "groups": len(np.unique(groups)),
        "strength": strength,
        "folds": FOLDS,
        "seed": seed,
        "figures": _told(judged(RANKING, wanted, logits, groups, seed))
        | _told(judged({"calibration_error": calibration_error}, wanted, chances, groups, seed))
        | {"within_bursts": _number(within_groups(wanted, logits, groups))},
        "no_pixels": _told(judged(RANKING, wanted, bare, groups, seed)),
        "chance": {"auc": 0.5, "average_precision": round(float(wanted.mean()), 6)},
        "newest": _newest(labelled, rows, strength),
    }


def _held_out(rows: Floats, wanted: Floats, folds: Integers, strength: float) -> Doubles:
    logits = np.zeros(len(rows))
    for fold in range(FOLDS):
        inside = folds != fold
        logits[~inside] = fit(rows[inside], wanted[inside], strength).logits(rows[~inside])
    return logits


def _newest(labelled: Labelled, rows: Floats, strength: float) -> dict[str, Any] | None:
    """Learned from the older part, asked of the newest: what the owner will see next. None where a class is missing."""
    late = latest(labelled.groups, labelled.times, NEWEST)
    old, new = labelled.wanted[~late], labelled.wanted[late].astype(np.float64)
    if len(set(old.tolist())) < 2 or len(set(new.tolist())) < 2:
        return None
    logits = fit(rows[~late], old, strength).logits(rows[late])
    told = judged({"auc": auc, "average_precision": average_precision}, new, logits, labelled.groups[late], 0)
    return {"labels": len(new), **_told(told)}


def _told(figures: dict[str, Figure]) -> dict[str, Any]:
    """[value, low, high] of each, None where it has no meaning: JSON knows no NaN."""
    return {name: [_number(one.value), _number(one.low), _number(one.high)] for name, one in figures.items()}


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 6)
