"""Ranking and calibration metrics of held-out predictions, with confidence intervals.

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
    """A value with the 2.5th and 97.5th percentile of its bootstrap; NaN if it is undefined."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RankedPredictions:
    """Predictions by falling score, sorted once for all draws. `labels`: 0 or 1. `ends`: the last row of each run of
    equal scores. `order`: the rows' positions before sorting.
    """

    labels: Doubles
    scores: Doubles
    ends: Integers
    order: Integers

    @classmethod
    def of(cls, labels: Doubles, scores: Doubles) -> "RankedPredictions":
        """Sort labels and scores, float64 [N] each."""
        order = np.argsort(-scores, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(scores[order])), len(scores) - 1)
        return cls(labels[order], scores[order], ends, order)

    def cumulative_counts(self, weights: Doubles) -> tuple[Doubles, Doubles]:
        """Return the deletes and keeps up to the end of each run of equal scores."""
        deleted = self.labels * weights
        return np.cumsum(deleted)[self.ends], np.cumsum(weights - deleted)[self.ends]

    def tied_shares(self, weights: Doubles) -> Doubles:
        """Return for each row the share of deletes among the rows with its score."""
        deleted, kept = self.cumulative_counts(weights)
        deleted, kept = np.diff(deleted, prepend=0.0), np.diff(kept, prepend=0.0)
        shares: Doubles = np.repeat(deleted / np.maximum(deleted + kept, 1e-12), np.diff(self.ends, prepend=-1))
        return shares


Metric = Callable[[RankedPredictions, Doubles], float]  # weights: how often each row was drawn


def auc(ranked: RankedPredictions, weights: Doubles) -> float:
    """Return the probability that a delete ranks above a keep; NaN with one class only."""
    deleted, kept = ranked.cumulative_counts(weights)
    if not deleted[-1] or not kept[-1]:
        return float("nan")
    below = kept[-1] - kept + 0.5 * np.diff(kept, prepend=0.0)
    return float(np.diff(deleted, prepend=0.0) @ below / (deleted[-1] * kept[-1]))


def average_precision(ranked: RankedPredictions, weights: Doubles) -> float:
    """Return the mean precision over the steps of recall; NaN without a delete."""
    deleted, kept = ranked.cumulative_counts(weights)
    if not deleted[-1]:
        return float("nan")
    precision = deleted / np.maximum(deleted + kept, 1e-12)
    return float(np.diff(deleted, prepend=0.0) @ precision / deleted[-1])


def precision_at(count: int) -> Metric:
    """Return the metric "share of deletes among the first `count`"; it is NaN for a shorter list."""

    def metric(ranked: RankedPredictions, weights: Doubles) -> float:
        ranks = np.cumsum(weights)
        if ranks[-1] < count:
            return float("nan")
        counted = np.clip(count - (ranks - weights), 0, weights)
        return float(counted @ ranked.labels / count)

    return metric


def calibration_error(ranked: RankedPredictions, weights: Doubles) -> float:
    """Return how far the scores, taken as probabilities, are from the observed shares, 0 to 1.

    Rows with equal scores share their observed share: if a bin ends among them, their order does not matter.
    """
    starts = np.unique(np.linspace(0, len(weights), CALIBRATION_BINS + 1)[:-1].astype(np.int64))
    expected = np.add.reduceat(ranked.scores * weights, starts)
    observed = np.add.reduceat(ranked.tied_shares(weights) * weights, starts)
    return float(np.abs(expected - observed).sum() / weights.sum())


def within_group_auc(labels: Doubles, scores: Doubles, groups: Integers) -> float:
    """Return the share of correct pairs (delete, keep) within groups; ties count half, NaN without pairs."""
    correct = pairs = 0.0
    order = np.argsort(groups, kind="stable")
    for rows in np.split(order, np.flatnonzero(np.diff(groups[order])) + 1):
        deleted, kept = scores[rows][labels[rows] > 0.5], scores[rows][labels[rows] <= 0.5]
        if len(deleted) and len(kept):
            differences = deleted[:, None] - kept[None, :]
            correct += float((differences > 0).sum() + 0.5 * (differences == 0).sum())
            pairs += differences.size
    return correct / pairs if pairs else float("nan")


def bootstrap_metrics(
    metrics: dict[str, Metric], labels: Doubles, scores: Doubles, groups: Integers, seed: int
) -> dict[str, Estimate]:
    """Estimate each metric with its bootstrap over whole groups, all from the same draws."""
    ranked = RankedPredictions.of(labels, scores)
    _, group_of_row = np.unique(groups[ranked.order], return_inverse=True)
    count = int(group_of_row.max()) + 1
    rng = np.random.default_rng(seed)
    once = np.ones(len(labels))
    values = {name: metric(ranked, once) for name, metric in metrics.items()}
    drawn: dict[str, list[float]] = {name: [] for name in metrics}
    for _ in range(BOOTSTRAP_DRAWS):
        group_weights = np.bincount(rng.integers(count, size=count), minlength=count)
        weights = group_weights[group_of_row].astype(np.float64)
        for name, metric in metrics.items():
            drawn[name].append(metric(ranked, weights))
    return {name: _estimate(value, drawn[name]) for name, value in values.items()}


def _estimate(value: float, drawn: list[float]) -> Estimate:
    defined = [one for one in drawn if not np.isnan(one)]
    if np.isnan(value) or not defined:
        return Estimate(value, value, value)
    low, high = np.percentile(defined, [2.5, 97.5])
    return Estimate(value, float(low), float(high))


def point_estimate(metric: Metric, labels: Doubles, scores: Doubles) -> float:
    """Return the metric without an interval."""
    return metric(RankedPredictions.of(labels, scores), np.ones(len(labels)))
