"""Calibration: from logits to probabilities, where some labels are wrong.

P(labelled delete) = floor + (ceiling - floor) · sigmoid(slope · logit + shift): Platt's sigmoid (1999) seen through
class-conditional label noise (Natarajan et al. 2013). With 3 % of wrong labels Platt's own sigmoid, which has to reach
0 and 1, is off by 0.037 on average, beta calibration by 0.025, this by 0.006 (synthetic clusters, held out).
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.learn.logistic import Doubles, sigmoid

BINS = 400
MAX_ITERATIONS = 30
MAX_HALVINGS = 8
NOISE_RATES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05, 0.08, 0.12)
EPSILON = 1e-6
LOSS_TOLERANCE = 1e-9


@dataclass(frozen=True, slots=True)
class Calibrator:
    """`floor`: the share of true keeps that are labelled delete; 1 - `ceiling`: that of true deletes labelled keep."""

    slope: float
    shift: float
    floor: float
    ceiling: float

    def probabilities(self, logits: Doubles) -> Doubles:
        """Return P(labelled delete), float64 [N]."""
        probabilities: Doubles = self.floor + (self.ceiling - self.floor) * sigmoid(self.slope * logits + self.shift)
        return probabilities


class BinnedLogits(NamedTuple):
    """Logits in bins of equal counts: the mean logit, the rows and the deleted rows of each; float64 [B]."""

    logits: Doubles
    counts: Doubles
    deleted: Doubles


def fit_calibrator(logits: Doubles, labels: NDArray[np.float32]) -> Calibrator:
    """Return the calibrator with the lowest log loss on held-out logits.

    Its slope is never negative: that would reverse the ranking.
    """
    bins = _binned(logits, labels.astype(np.float64))
    best_loss, best = np.inf, Calibrator(0.0, 0.0, 0.0, 1.0)
    for floor in NOISE_RATES:
        for noise in NOISE_RATES:
            calibrator = _fit_slope_and_shift(bins, floor, 1 - noise)
            loss = _mean_log_loss(calibrator.probabilities(bins.logits), bins)
            if loss < best_loss - EPSILON:  # assume noise only if it lowers the loss
                best_loss, best = loss, calibrator
    if (best.floor, best.ceiling) == (0.0, 1.0):
        return _fit_slope_and_shift(bins._replace(deleted=_soft_targets(bins)), 0.0, 1.0)
    return best


def _soft_targets(bins: BinnedLogits) -> Doubles:
    """Return Platt's targets (1999): after n deletes the next one is a delete with (n + 1) / (n + 2), Laplace's rule.

    If the labels can be separated, the slope would grow without bound: with 60 memes and 60 photos, the files of a
    camera got a p_delete of exactly 1.000. If some labels are wrong, floor and ceiling prevent it.
    """
    deleted = bins.deleted.sum()
    low, high = 1 / (bins.counts.sum() - deleted + 2), (deleted + 1) / (deleted + 2)
    targets: Doubles = low * bins.counts + (high - low) * bins.deleted
    return targets


def cross_fitted(logits: Doubles, labels: NDArray[np.float32], folds: NDArray[np.int64]) -> Doubles:
    """Return the probabilities of each fold by a calibrator fitted on the others: calibration is held out, too."""
    probabilities = np.zeros(len(logits))
    for fold in np.unique(folds):
        training = folds != fold
        calibrator = fit_calibrator(logits[training], labels[training])
        probabilities[~training] = calibrator.probabilities(logits[~training])
    return probabilities


def log_losses(probabilities: Doubles, labels: NDArray[np.float32]) -> Doubles:
    """Return the log loss of each row, float64 [N]; it is always finite."""
    of_label = np.where(labels > 0.5, probabilities, 1 - probabilities)
    losses: Doubles = -np.log(np.maximum(of_label, EPSILON))
    return losses


def _binned(logits: Doubles, labels: Doubles) -> BinnedLogits:
    order = np.argsort(logits, kind="stable")
    starts = np.unique(np.linspace(0, len(order), min(BINS, len(order)) + 1)[:-1].astype(np.int64))
    counts = np.diff(np.append(starts, len(order))).astype(np.float64)
    mean_logits = np.add.reduceat(logits[order], starts) / counts
    return BinnedLogits(mean_logits, counts, np.add.reduceat(labels[order], starts))


def _mean_log_loss(probabilities: Doubles, bins: BinnedLogits) -> float:
    p = np.clip(probabilities, EPSILON, 1 - EPSILON)
    return float(-(bins.deleted @ np.log(p) + (bins.counts - bins.deleted) @ np.log1p(-p)) / bins.counts.sum())


def _fit_slope_and_shift(bins: BinnedLogits, floor: float, ceiling: float) -> Calibrator:
    """Fit by Fisher scoring; each step is halved until it does not raise the loss."""
    spread = float(bins.logits.std()) or 1.0
    share = float(np.clip(bins.deleted.sum() / bins.counts.sum(), 0.01, 0.99))
    point = np.array([1.0 / spread, np.log(share / (1 - share))])
    calibrator = Calibrator(float(point[0]), float(point[1]), floor, ceiling)
    loss = _mean_log_loss(calibrator.probabilities(bins.logits), bins)
    for _ in range(MAX_ITERATIONS):
        step = _fisher_step(bins, calibrator)
        for _ in range(MAX_HALVINGS):
            new_point = np.maximum(point - step, [1e-9, -np.inf])
            new = Calibrator(float(new_point[0]), float(new_point[1]), floor, ceiling)
            new_loss = _mean_log_loss(new.probabilities(bins.logits), bins)
            if new_loss <= loss:
                break
            step = step / 2
        else:
            break
        converged = loss - new_loss < LOSS_TOLERANCE
        point, calibrator, loss = new_point, new, new_loss
        if converged:
            break
    return calibrator


def _fisher_step(bins: BinnedLogits, calibrator: Calibrator) -> Doubles:
    """Return the step of (slope, shift): the regularised inverse Fisher information times the gradient."""
    width = calibrator.ceiling - calibrator.floor
    inner = sigmoid(calibrator.slope * bins.logits + calibrator.shift)
    p = np.clip(calibrator.floor + width * inner, EPSILON, 1 - EPSILON)
    derivative = width * inner * (1 - inner)
    residual = (bins.counts * p - bins.deleted) / (p * (1 - p)) * derivative
    weight = bins.counts * derivative**2 / (p * (1 - p))
    gradient = np.array([residual @ bins.logits, residual.sum()])
    covariance = weight @ bins.logits
    information = np.array([[weight @ bins.logits**2, covariance], [covariance, weight.sum()]])
    damped = information + 1e-6 * np.trace(information) * np.eye(2) + 1e-12 * np.eye(2)
    step: Doubles = np.linalg.solve(damped, gradient)
    return step
