"""From a logit to an honest chance, for labels of which some are wrong.

P(labelled delete) = floor + (ceiling - floor) · sigmoid(slope · logit + shift): Platt's sigmoid (1999) seen through
class-conditional label noise (Natarajan et al. 2013). With 3 % of wrong labels Platt's own sigmoid, which has to reach
0 and 1, is off by 0.037 on average, beta calibration by 0.025, this by 0.006 (synthetic clusters, held out).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.learn.logistic import sigmoid

Doubles = NDArray[np.float64]
BINS = 400
MAX_ITERATIONS = 30
NOISE_RATES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12)
EPSILON = 1e-6


@dataclass(frozen=True, slots=True)
class Calibrator:
    """`floor`: the share of true keeps that are labelled delete; 1 - `ceiling`: that of true deletes labelled keep."""

    slope: float
    shift: float
    floor: float
    ceiling: float

    def chances(self, logits: Doubles) -> Doubles:
        """P(labelled delete), float64 [N]."""
        chances: Doubles = self.floor + (self.ceiling - self.floor) * sigmoid(self.slope * logits + self.shift)
        return chances


def fit_calibrator(logits: Doubles, wanted: NDArray[np.float32]) -> Calibrator:
    """The link of the least log loss over held-out logits. A slope is never negative: that would turn the list over."""
    points, counts, gone = _binned(logits, wanted.astype(np.float64))
    best, found = np.inf, Calibrator(0.0, 0.0, 0.0, 1.0)
    for floor in NOISE_RATES:
        for above in NOISE_RATES:
            link = _fit_slope_and_shift(points, counts, gone, floor, 1 - above)
            loss = _mean_log_loss(link.chances(points), counts, gone)
            if loss < best - EPSILON:  # noise has to earn its place
                best, found = loss, link
    if (found.floor, found.ceiling) == (0.0, 1.0):
        return _fit_slope_and_shift(points, counts, _soft_targets(counts, gone), 0.0, 1.0)
    return found


def _soft_targets(counts: Doubles, gone: Doubles) -> Doubles:
    """Platt's targets (1999): of n that were all deleted the next one is with (n + 1) / (n + 2), Laplace's rule.

    Where the labels part without a fault, the slope would have no end: 60 memes and 60 photos called a camera's files
    "1.000" for sure. Where some labels are wrong, floor and ceiling see to that.
    """
    deleted = gone.sum()
    least, most = 1 / (counts.sum() - deleted + 2), (deleted + 1) / (deleted + 2)
    soft: Doubles = least * counts + (most - least) * gone
    return soft


def cross_fitted(logits: Doubles, wanted: NDArray[np.float32], folds: NDArray[np.int64]) -> Doubles:
    """Chances of each fold by the link of the others: the calibration, too, is judged on what it has not seen."""
    chances = np.zeros(len(logits))
    for fold in np.unique(folds):
        inside = folds != fold
        chances[~inside] = fit_calibrator(logits[inside], wanted[inside]).chances(logits[~inside])
    return chances


def log_losses(chances: Doubles, wanted: NDArray[np.float32]) -> Doubles:
    """The log loss of each row, float64 [N]; none is infinite."""
    right = np.where(wanted > 0.5, chances, 1 - chances)
    told: Doubles = -np.log(np.maximum(right, EPSILON))
    return told


def _binned(logits: Doubles, wanted: Doubles) -> tuple[Doubles, Doubles, Doubles]:
    """Mean logits of bins of equal counts, how many rows each has, and how many of them were deleted."""
    order = np.argsort(logits, kind="stable")
    starts = np.unique(np.linspace(0, len(order), min(BINS, len(order)) + 1)[:-1].astype(np.int64))
    counts = np.diff(np.append(starts, len(order))).astype(np.float64)
    return np.add.reduceat(logits[order], starts) / counts, counts, np.add.reduceat(wanted[order], starts)


def _mean_log_loss(chances: Doubles, counts: Doubles, gone: Doubles) -> float:
    chances = np.clip(chances, EPSILON, 1 - EPSILON)
    return float(-(gone @ np.log(chances) + (counts - gone) @ np.log1p(-chances)) / counts.sum())


def _fit_slope_and_shift(points: Doubles, counts: Doubles, gone: Doubles, floor: float, ceiling: float) -> Calibrator:
    """Fisher scoring for slope and shift, each step halved until it does not raise the loss."""
    spread = float(points.std()) or 1.0
    share = float(np.clip(gone.sum() / counts.sum(), 0.01, 0.99))
    place = np.array([1.0 / spread, np.log(share / (1 - share))])
    link = Calibrator(float(place[0]), float(place[1]), floor, ceiling)
    loss = _mean_log_loss(link.chances(points), counts, gone)
    for _ in range(MAX_ITERATIONS):
        step = _fisher_step(points, counts, gone, link)
        for _ in range(8):
            moved = np.maximum(place - step, [1e-9, -np.inf])
            tried = Calibrator(float(moved[0]), float(moved[1]), floor, ceiling)
            new = _mean_log_loss(tried.chances(points), counts, gone)
            if new <= loss:
                break
            step = step / 2
        else:
            break
        done = loss - new < 1e-9
        place, link, loss = moved, tried, new
        if done:
            break
    return link


def _fisher_step(points: Doubles, counts: Doubles, gone: Doubles, link: Calibrator) -> Doubles:
    inner = sigmoid(link.slope * points + link.shift)
    chances = np.clip(link.floor + (link.ceiling - link.floor) * inner, EPSILON, 1 - EPSILON)
    bend = (link.ceiling - link.floor) * inner * (1 - inner)
    pull = (counts * chances - gone) / (chances * (1 - chances)) * bend
    weight = counts * bend**2 / (chances * (1 - chances))
    slope = np.array([pull @ points, pull.sum()])
    square = np.array([[weight @ points**2, weight @ points], [weight @ points, weight.sum()]])
    step: Doubles = np.linalg.solve(square + 1e-6 * np.trace(square) * np.eye(2) + 1e-12 * np.eye(2), slope)
    return step
