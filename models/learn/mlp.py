"""A small network, for tastes that no line tells: one hidden layer of tanh, by Adam (Kingma & Ba 2015), in NumPy.

Products of the leading directions, random Fourier features (Rahimi & Recht 2007) and squares lost to it on clusters
with tastes of their own, and a straight path beside the hidden layer did, too.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.learn.logistic import Doubles, Floats, sigmoid

if TYPE_CHECKING:
    from numpy.random import Generator  # the service has no use for it, and it takes a while to load

HIDDEN_UNITS = 32
WEIGHT_DECAY = 0.01  # of every weight: L2
LEARNING_RATE = 0.003
BATCH_ROWS = 128
EPOCHS = 60  # how often each row is seen, within the limits below
STEP_LIMITS = (300, 1500)
ADAM_BETAS = (0.9, 0.999)


class HiddenLayer(NamedTuple):
    """What lies behind the first weights: float32 [units] each."""

    shift: Floats
    outer: Floats

    def sums(self, rows: Floats) -> Floats:
        """What comes out of the weighted sums of features: float32 [N, units] → float32 [N]. `rows` is written over."""
        rows += self.shift
        told: Floats = np.tanh(rows, out=rows) @ self.outer
        return told


class MlpModel(NamedTuple):
    """`inner`: float32 [F, UNITS]; `shift`, `outer`: float32 [UNITS]. The logit of a row x is
    tanh(x @ inner + shift) @ outer + bias.
    """

    inner: Floats
    shift: Floats
    outer: Floats
    bias: float

    def logits(self, rows: Floats) -> Doubles:
        """float32 [N, F] → float64 [N]."""
        return HiddenLayer(self.shift, self.outer).sums(rows @ self.inner).astype(np.float64) + self.bias


def fit_mlp(rows: Floats, wanted: Floats, seed: int) -> MlpModel:
    """Minimise the mean log loss plus DECAY / 2 · |weights|².

    `rows`: float32 [N, F], of about unit variance. `wanted`: float32 [N], 0 or 1. The rate falls to nothing over the
    second half: a net that stopped mid-swing would be as good as its last few batches.
    """
    dice = np.random.default_rng(seed)
    parts = _initial_parameters(rows, wanted, dice)
    first = [np.zeros_like(part) for part in parts]
    second = [np.zeros_like(part) for part in parts]
    size = min(BATCH_ROWS, len(rows))
    steps = int(np.clip(EPOCHS * len(rows) / size, *STEP_LIMITS))
    for step, batch in enumerate(_batches(len(rows), size, steps, dice), 1):
        rate = LEARNING_RATE * min(1.0, 2 * (1 - step / (steps + 1)))
        for place, slope in enumerate(_gradients(parts, rows[batch], wanted[batch])):
            first[place] += np.float32(1 - ADAM_BETAS[0]) * (slope - first[place])
            second[place] += np.float32(1 - ADAM_BETAS[1]) * (slope * slope - second[place])
            length = np.sqrt(second[place] / np.float32(1 - ADAM_BETAS[1] ** step)) + np.float32(1e-8)
            parts[place] -= np.float32(rate / (1 - ADAM_BETAS[0] ** step)) * first[place] / length
    inner, shift, outer, bias = parts
    return MlpModel(inner, shift, outer, float(bias[0]))


def _initial_parameters(rows: Floats, wanted: Floats, dice: "Generator") -> list[Floats]:
    """inner, shift, outer, bias. The shifts spread: from zeros, where tanh is odd, a taste for the middle is never
    found (a ring among 12 directions: AUC 0.65 instead of 0.98).
    """
    width = rows.shape[1]
    share = float(np.clip(wanted.mean(), 1e-6, 1 - 1e-6))
    inner = dice.normal(size=(width, HIDDEN_UNITS)) / np.sqrt(width)
    shift = dice.normal(size=HIDDEN_UNITS)
    outer = dice.normal(size=HIDDEN_UNITS) / np.sqrt(HIDDEN_UNITS)
    bias = np.array([np.log(share / (1 - share))])
    return [part.astype(np.float32) for part in (inner, shift, outer, bias)]


def _batches(count: int, size: int, steps: int, dice: "Generator") -> list[NDArray[np.int64]]:
    """So many batches; each row comes up once before any comes up again."""
    a_round = count // size
    rounds = -(-steps // a_round)
    return [part for _ in range(rounds) for part in dice.permutation(count)[: a_round * size].reshape(-1, size)][:steps]


def _gradients(parts: list[Floats], rows: Floats, wanted: Floats) -> list[Floats]:
    inner, shift, outer, bias = parts
    hidden = np.tanh(rows @ inner + shift)
    errors = (sigmoid((hidden @ outer + bias[0]).astype(np.float64)) - wanted).astype(np.float32) / len(rows)
    back = np.outer(errors, outer) * (1 - hidden * hidden)
    decay = np.float32(WEIGHT_DECAY)
    return [
        rows.T @ back + decay * inner,
        back.sum(0),
        hidden.T @ errors + decay * outer,
        errors.sum(keepdims=True),
    ]
