"""L2-regularised logistic regression by L-BFGS (Nocedal & Wright, Numerical Optimization, algorithm 7.5), in NumPy.

A library would add 100 MB of packages for one convex function of a few hundred weights.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
CurvaturePair = tuple[Doubles, Doubles, float]  # a step, the gradient's change along it, their inner product
HISTORY_SIZE = 10  # curvature pairs kept
MAX_ITERATIONS = 200
MAX_BACKTRACKS = 20
GRADIENT_TOLERANCE = 1e-3  # of the gradient's norm, relative to the first
ARMIJO_CONSTANT = 1e-4


class LogisticModel(NamedTuple):
    """`weights`: float64 [F]; the logit of a row x is x @ weights + bias."""

    weights: Doubles
    bias: float

    def logits(self, features: Floats) -> Doubles:
        """float32 [N, F] → float64 [N]."""
        return (features @ self.weights.astype(np.float32)).astype(np.float64) + self.bias


class Objective(NamedTuple):
    """The mean log loss plus `ridge` / 2 · |weights|², over features float32 [N, F] and labels float32 [N]."""

    features: Floats
    labels: Floats
    ridge: float

    def value_and_gradient(self, point: Doubles) -> tuple[float, Doubles]:
        """Evaluate at a point: the weights and, last, the bias; float64 [F + 1]."""
        weights = point[:-1]
        logits = (self.features @ weights.astype(np.float32)).astype(np.float64) + point[-1]
        # log(1 + e^z) - y z, without overflow
        loss = float(np.mean(np.logaddexp(0, logits) - self.labels * logits))
        value = loss + 0.5 * self.ridge * float(weights @ weights)
        errors = ((sigmoid(logits) - self.labels) / len(self.features)).astype(np.float32)
        gradient = np.append(errors @ self.features, errors.sum()).astype(np.float64)
        gradient[:-1] += self.ridge * weights
        return value, gradient


def fit_logistic(
    features: Floats, labels: Floats, strength: float, start: LogisticModel | None = None
) -> LogisticModel:
    """Minimise the mean log loss plus |weights|² / (2 · strength · N); the bias is not penalised.

    `features`: float32 [N, F], of about unit variance. `labels`: float32 [N], 0 or 1. `strength`: scikit-learn's C.
    `start`: the initial model, for a path of strengths. Classes are not weighted: it would ruin the calibration
    (measured: expected calibration error 0.19 instead of 0.02 at one delete in six).
    """
    count, size = features.shape
    if start is None:
        share = float(np.clip(labels.mean(), 1e-6, 1 - 1e-6))
        point = np.append(np.zeros(size), np.log(share / (1 - share)))
    else:
        point = np.append(start.weights, start.bias)
    objective = Objective(features, labels, 1 / (strength * count))
    value, gradient = objective.value_and_gradient(point)
    first_norm = float(np.linalg.norm(gradient)) + 1e-12
    pairs: list[CurvaturePair] = []
    for _ in range(MAX_ITERATIONS):
        if np.linalg.norm(gradient) <= GRADIENT_TOLERANCE * max(first_norm, 1e-3):
            break
        direction = -_inverse_hessian_product(gradient, pairs)
        if float(direction @ gradient) >= 0:  # not a descent direction: restart from the steepest descent
            pairs, direction = [], -gradient
        found = _line_search(objective, point, value, gradient, direction, first=not pairs)
        if found is None:
            break
        new_point, new_value, new_gradient = found
        step, change = new_point - point, new_gradient - gradient
        if (product := float(step @ change)) > 1e-12:
            pairs = [*pairs, (step, change, product)][-HISTORY_SIZE:]
        point, value, gradient = new_point, new_value, new_gradient
    return LogisticModel(point[:-1], float(point[-1]))


def _inverse_hessian_product(gradient: Doubles, pairs: list[CurvaturePair]) -> Doubles:
    """Return the approximate inverse Hessian times the gradient, by the two-loop recursion."""
    result = gradient.copy()
    alphas: list[float] = []
    for step, change, product in reversed(pairs):
        alpha = float(step @ result) / product
        alphas.append(alpha)
        result -= alpha * change
    if pairs:
        _, change, product = pairs[-1]
        result *= product / float(change @ change)
    for (step, change, product), alpha in zip(pairs, reversed(alphas), strict=True):
        result += step * (alpha - float(change @ result) / product)
    return result


def _line_search(
    objective: Objective, point: Doubles, value: float, gradient: Doubles, direction: Doubles, *, first: bool
) -> tuple[Doubles, float, Doubles] | None:
    """Backtrack to a point that lowers the objective enough; return it with its value and gradient.

    None if no step lowers it: the value is at its minimum within the precision of float32.
    """
    slope = float(direction @ gradient)
    length = min(1.0, 1 / (float(np.linalg.norm(direction)) + 1e-12)) if first else 1.0
    for _ in range(MAX_BACKTRACKS):
        new_point = point + length * direction
        new_value, new_gradient = objective.value_and_gradient(new_point)
        if new_value <= value + ARMIJO_CONSTANT * length * slope:
            return new_point, new_value, new_gradient
        length *= 0.5
    return None


def sigmoid(logits: Doubles) -> Doubles:
    """Return 1 / (1 + e^-x) without overflow."""
    halves: Doubles = 0.5 * (1 + np.tanh(0.5 * logits))
    return halves
