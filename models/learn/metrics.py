"""How good a ranking is: figures of held-out predictions, each with an interval.

AUC and average precision follow Fawcett 2006 and scikit-learn's definitions (ties count half, or as a step); the
expected calibration error is that of Guo et al. 2017 with bins of equal counts. Intervals are bootstrapped over groups
of near duplicates: twenty frames of one burst are not twenty pieces of evidence.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
CALIBRATION_BINS = 15
BOOTSTRAP_DRAWS = 200


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with the 2.5th and 97.5th percentile of its bootstrap; NaN where it has no meaning."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RankedPredictions:
    """Predictions from the greatest score down, sorted once for all draws. `wanted`: 0 or 1. `ends`: where equal scores
    end. `order`: the rows' places before sorting.
    """

    wanted: Doubles
    scores: Doubles
    ends: Integers
    order: Integers

    @classmethod
    def of(cls, wanted: Doubles, scores: Doubles) -> "RankedPredictions":
        """Sort: float64 [N] each."""
        order = np.argsort(-scores, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
        return cls(wanted[order], scores[order], ends, order)

    def steps(self, weights: Doubles) -> tuple[Doubles, Doubles]:
        """Deleted and kept ones so far, at the end of each run of equal scores."""
        gone = self.wanted * weights
        return np.cumsum(gone)[self.ends], np.cumsum(weights - gone)[self.ends]

    def shared(self, weights: Doubles) -> Doubles:
        """The share of deleted ones among the rows of each row's score."""
        gone, kept = self.steps(weights)
        gone, kept = np.diff(gone, prepend=0.0), np.diff(kept, prepend=0.0)
        shares: Doubles = np.repeat(gone / np.maximum(gone + kept, 1e-12), np.diff(self.ends, prepend=-1))
        return shares


Metric = Callable[[RankedPredictions, Doubles], float]  # weights: how often each row was drawn


def auc(ranked: RankedPredictions, weights: Doubles) -> float:
    """The chance that a deleted one ranks above a kept one; NaN with one class only."""
    gone, kept = ranked.steps(weights)
    if not gone[-1] or not kept[-1]:
        return float("nan")
    below = kept[-1] - kept + 0.5 * np.diff(kept, prepend=0.0)
    return float(np.diff(gone, prepend=0.0) @ below / (gone[-1] * kept[-1]))


def average_precision(ranked: RankedPredictions, weights: Doubles) -> float:
    """The mean precision at each step of recall; NaN without a deleted one."""
    gone, kept = ranked.steps(weights)
    if not gone[-1]:
        return float("nan")
    return float(np.diff(gone, prepend=0.0) @ (gone / np.maximum(gone + kept, 1e-12)) / gone[-1])


def precision_at(first: int) -> Metric:
    """The share of deleted ones among the first so many of the list; NaN for a shorter list."""

    def measure(ranked: RankedPredictions, weights: Doubles) -> float:
        before = np.cumsum(weights)
        if before[-1] < first:
            return float("nan")
        taken = np.clip(first - (before - weights), 0, weights)
        return float(taken @ ranked.wanted / first)

    return measure


def calibration_error(ranked: RankedPredictions, weights: Doubles) -> float:
    """How far stated chances (the scores) are from what happened, 0 to 1. Rows of one score share what happened:
    where a bin ends among them, nothing hangs on their order.
    """
    starts = np.unique(np.linspace(0, len(weights), CALIBRATION_BINS + 1)[:-1].astype(np.int64))
    stated = np.add.reduceat(ranked.scores * weights, starts)
    happened = np.add.reduceat(ranked.shared(weights) * weights, starts)
    return float(np.abs(stated - happened).sum() / weights.sum())


def within_group_auc(wanted: Doubles, scores: Doubles, groups: Integers) -> float:
    """Of pairs in one group of which one was kept and one deleted, the share ranked rightly (ties count half).

    This is what choosing within a burst needs; NaN where no group has both.
    """
    right = pairs = 0.0
    order = np.argsort(groups, kind="stable")
    for part in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        gone, kept = scores[part][wanted[part] > 0.5], scores[part][wanted[part] <= 0.5]
        if len(gone) and len(kept):
            apart = gone[:, None] - kept[None, :]
            right += float((apart > 0).sum() + 0.5 * (apart == 0).sum())
            pairs += apart.size
    return right / pairs if pairs else float("nan")


def bootstrap_metrics(
    measures: dict[str, Metric], wanted: Doubles, scores: Doubles, groups: Integers, seed: int
) -> dict[str, Estimate]:
    """Each measure with its bootstrap over whole groups; all of them see the same draws."""
    ranked = RankedPredictions.of(wanted, scores)
    _, members = np.unique(groups[ranked.order], return_inverse=True)
    count = int(members.max()) + 1
    dice = np.random.default_rng(seed)
    once = np.ones(len(wanted))
    values = {name: measure(ranked, once) for name, measure in measures.items()}
    drawn: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(BOOTSTRAP_DRAWS):
        weights = np.bincount(dice.integers(count, size=count), minlength=count)[members].astype(np.float64)
        for name, measure in measures.items():
            drawn[name].append(measure(ranked, weights))
    return {name: _estimate(value, drawn[name]) for name, value in values.items()}


def _estimate(value: float, drawn: list[float]) -> Estimate:
    sound = [one for one in drawn if not np.isnan(one)]
    if np.isnan(value) or not sound:
        return Estimate(value, value, value)
    low, high = np.percentile(sound, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def point_estimate(measure: Metric, wanted: Doubles, scores: Doubles) -> float:
    """The measure alone."""
    return measure(RankedPredictions.of(wanted, scores), np.ones(len(wanted)))
