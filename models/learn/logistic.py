"""L2-regularised logistic regression by L-BFGS (Nocedal & Wright, Numerical Optimization, algorithm 7.5), in NumPy.

A library would bring 100 MB of packages for one convex function of a few hundred weights.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
CurvaturePair = tuple[Doubles, Doubles, float]  # a move, the turn of the slope along it, their product
HISTORY_SIZE = 10  # pairs that stand for the curvature
MAX_ITERATIONS = 200
GRADIENT_TOLERANCE = 1e-3  # of the gradient's length, relative to its first
ARMIJO_CONSTANT = 1e-4  # Armijo's constant


class LogisticModel(NamedTuple):
    """`weights`: float64 [F]; the logit of a row x is x @ weights + bias."""

    weights: Doubles
    bias: float

    def logits(self, rows: Floats) -> Doubles:
        """float32 [N, F] → float64 [N]."""
        return (rows @ self.weights.astype(np.float32)).astype(np.float64) + self.bias


def fit_logistic(rows: Floats, wanted: Floats, strength: float, start: LogisticModel | None = None) -> LogisticModel:
    """Minimise the mean log loss plus |weights|² / (2 · strength · N); the bias is free.

    `rows`: float32 [N, F], of about unit variance. `wanted`: float32 [N], 0 or 1. `strength`: scikit-learn's C.
    `start`: where to begin, for a path of strengths. Classes are not weighted: it would ruin the calibration (measured:
    0.19 instead of 0.02 expected calibration error at one in six).
    """
    count, size = rows.shape
    place = np.zeros(size + 1) if start is None else np.append(start.weights, start.bias)
    if start is None:
        share = float(np.clip(wanted.mean(), 1e-6, 1 - 1e-6))
        place[-1] = np.log(share / (1 - share))
    ridge = 1 / (strength * count)
    value, slope = _loss_and_gradient(rows, wanted, ridge, place)
    first = float(np.linalg.norm(slope)) + 1e-12
    pairs: list[CurvaturePair] = []
    for _ in range(MAX_ITERATIONS):
        if np.linalg.norm(slope) <= GRADIENT_TOLERANCE * max(first, 1e-3):
            break
        step = -_inverse_hessian_product(slope, pairs)
        if (falling := float(step @ slope)) >= 0:  # the pairs mislead: begin anew from the steepest descent
            pairs, step = [], -slope
            falling = float(step @ slope)
        moved, new_value, new_slope = _line_search(rows, wanted, ridge, place, value, step, falling, first=not pairs)
        if moved is None:
            break
        if (bend := float((moved - place) @ (new_slope - slope))) > 1e-12:
            pairs = [*pairs, (moved - place, new_slope - slope, bend)][-HISTORY_SIZE:]
        place, value, slope = moved, new_value, new_slope
    return LogisticModel(place[:-1], float(place[-1]))


def _loss_and_gradient(rows: Floats, wanted: Floats, ridge: float, place: Doubles) -> tuple[float, Doubles]:
    weights = place[:-1]
    logits = (rows @ weights.astype(np.float32)).astype(np.float64) + place[-1]
    # log(1 + e^z) - y z, without overflow
    value = float(np.mean(np.logaddexp(0, logits) - wanted * logits)) + 0.5 * ridge * float(weights @ weights)
    errors = ((sigmoid(logits) - wanted) / len(rows)).astype(np.float32)
    slope = np.append(errors @ rows, errors.sum()).astype(np.float64)
    slope[:-1] += ridge * weights
    return value, slope


def _inverse_hessian_product(slope: Doubles, pairs: list[CurvaturePair]) -> Doubles:
    """The two-loop recursion: the inverse Hessian, as the pairs know it, times the slope."""
    result = slope.copy()
    shares: list[float] = []
    for move, turn, bend in reversed(pairs):
        share = float(move @ result) / bend
        shares.append(share)
        result -= share * turn
    if pairs:
        move, turn, bend = pairs[-1]
        result *= bend / float(turn @ turn)
    for (move, turn, bend), share in zip(pairs, reversed(shares), strict=True):
        result += move * (share - float(turn @ result) / bend)
    return result


def _line_search(
    rows: Floats, wanted: Floats, ridge: float, place: Doubles, value: float, step: Doubles, falling: float, first: bool
) -> tuple[Doubles | None, float, Doubles]:
    """Backtracking. None where no step lowers the loss any more: it is as low as float32 can tell."""
    length = min(1.0, 1 / (float(np.linalg.norm(step)) + 1e-12)) if first else 1.0
    for _ in range(20):
        moved = place + length * step
        new_value, slope = _loss_and_gradient(rows, wanted, ridge, moved)
        if new_value <= value + ARMIJO_CONSTANT * length * falling:
            return moved, new_value, slope
        length *= 0.5
    return None, value, step


def sigmoid(logits: Doubles) -> Doubles:
    """Probabilities; never overflows."""
    halves: Doubles = 0.5 * (1 + np.tanh(0.5 * logits))
    return halves
