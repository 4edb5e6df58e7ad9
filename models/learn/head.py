"""The keep/delete head: one weight a feature, or a small network of them. What is stored, a few kilobytes or, of a
network, a hundred, no program has to trust.
"""

import json
import struct
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.learn.logistic import sigmoid
from models.learn.mlp import HiddenLayer

Floats = NDArray[np.float32]
MAGIC = b"catalogd-head\x01"
HEADER_LENGTH = struct.Struct("<I")
NAME_PREFIX = (
    "name by "  # a text tower: not one feature but as many as the embedding has, the vector of the file's name
)


class HeadError(Exception):
    """Bytes that are no head, or one for other features."""


class Head(NamedTuple):
    """`weights`: float32 [F], scaling and slope folded in; with `hidden`, float32 [F, units].

    p_delete = floor + (ceiling - floor) * sigmoid(logit + bias), where logit = features @ weights, or
    tanh(features @ weights + hidden.shift) @ hidden.outer (models.learn.calibration says why).

    `model`: digest of the bundle whose embedding comes first among the features. `features`: names of those that
    follow it; one that begins with NAME is as many as the embedding has. `keep_below`, `delete_above`: between
    them the head does not know, and says so. `record`: how it was trained and how good it is, plain JSON.
    """

    model: str
    features: tuple[str, ...]
    weights: Floats
    bias: float
    floor: float
    ceiling: float
    keep_below: float
    delete_above: float
    record: dict[str, Any]
    hidden: HiddenLayer | None = None

    @property
    def tower(self) -> str:
        """The id of the text tower whose vectors of files' names come last among the features, "" without."""
        last = self.features[-1] if self.features else ""
        return last.removeprefix(NAME_PREFIX) if last.startswith(NAME_PREFIX) else ""

    @property
    def dims(self) -> int:
        """How many numbers the embedding has."""
        blocks = 2 if self.tower else 1
        return (len(self.weights) - len(self.features) + blocks - 1) // blocks

    def chances(self, *parts: Floats) -> Floats:
        """p_delete of each row: float32 [N, F] → float32 [N]. The columns may come in several parts, in their order:
        to join them costs as much as to multiply them.
        """
        width = sum(part.shape[1] for part in parts)
        if width != len(self.weights):
            raise HeadError(f"{width} features, the head knows {len(self.weights)}")
        ends = np.cumsum([part.shape[1] for part in parts])[:-1]
        sums = [part @ own for part, own in zip(parts, np.split(self.weights, ends), strict=True)]
        whole: Floats = np.sum(sums, axis=0)
        logits = whole if self.hidden is None else self.hidden.sums(whole)
        inner = sigmoid(logits.astype(np.float64) + self.bias)
        chances: Floats = (self.floor + (self.ceiling - self.floor) * inner).astype(np.float32)
        return chances

    def word(self, chance: float) -> str:
        """`delete`, `keep`, or `unsure`."""
        if chance >= self.delete_above:
            return "delete"
        return "keep" if chance <= self.keep_below else "unsure"

    def pack(self) -> bytes:
        """A magic word, the length of a JSON header, the header, and as little-endian float32 the weights, row by row,
        then what is hidden.
        """
        said = {
            "model": self.model,
            "features": list(self.features),
            "count": len(self.weights),
            "units": 0 if self.hidden is None else len(self.hidden.outer),
            "bias": self.bias,
            "floor": self.floor,
            "ceiling": self.ceiling,
            "keep_below": self.keep_below,
            "delete_above": self.delete_above,
            "record": self.record,
        }
        header = json.dumps(said, allow_nan=False).encode()
        behind = () if self.hidden is None else (self.hidden.shift, self.hidden.outer)
        numbers = np.concatenate([self.weights.ravel(), *behind]).astype("<f4")
        return MAGIC + HEADER_LENGTH.pack(len(header)) + header + numbers.tobytes()


def unpack_head(data: bytes) -> Head:
    """The head of these bytes. Raises HeadError for anything else."""
    start = len(MAGIC) + HEADER_LENGTH.size
    if not data.startswith(MAGIC) or len(data) < start:
        raise HeadError("this is no head")
    (length,) = HEADER_LENGTH.unpack_from(data, len(MAGIC))
    try:
        said = json.loads(data[start : start + length])
        numbers = np.frombuffer(data[start + length :], "<f4").astype(np.float32)
        weights, hidden = _split_weights(numbers, int(said["count"]), int(said["units"]))
        return Head(
            said["model"],
            tuple(said["features"]),
            weights,
            float(said["bias"]),
            float(said["floor"]),
            float(said["ceiling"]),
            float(said["keep_below"]),
            float(said["delete_above"]),
            said["record"],
            hidden,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise HeadError(f"the head is damaged: {error}") from error


def _split_weights(numbers: Floats, count: int, units: int) -> tuple[Floats, HiddenLayer | None]:
    """Raises HeadError for more or fewer numbers than that, or none."""
    if count < 1 or units < 0 or len(numbers) != (count * units + 2 * units or count) or not np.isfinite(numbers).all():
        raise HeadError("the head is damaged: its weights are cut or no numbers")
    if not units:
        return numbers, None
    weights, shift, outer = np.split(numbers, [count * units, count * units + units])
    return weights.reshape(count, units), HiddenLayer(shift, outer)
