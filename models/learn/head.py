"""The keep/delete head: a linear model or a small network on top of the features of an image.

A stored head is data only, and is checked when it is read: some kilobytes, or about a hundred for a network.
"""

import json
import struct
from typing import Any, NamedTuple

import numpy as np

from models.learn.logistic import Floats, sigmoid
from models.learn.mlp import HiddenLayer

MAGIC = b"catalogd-head\x01"
HEADER_LENGTH = struct.Struct("<I")
# Followed by the id of a text tower. It names one vector of the file's name, with as many columns as the embedding.
NAME_PREFIX = "name by "


class HeadError(Exception):
    """The bytes are not a head, or the head was made for other features."""


class Head(NamedTuple):
    """`weights`: float32 [F], scaling and calibration folded in; with `hidden`, float32 [F, units].

    p_delete = floor + (ceiling - floor) * sigmoid(logit + bias), where logit = features @ weights, or
    tanh(features @ weights + hidden.bias) @ hidden.output_weights (see models.learn.calibration).

    `model`: digest of the bundle whose embedding is the first part of the features. `features`: names of the features
    after it; one that begins with NAME_PREFIX has as many columns as the embedding. Between `keep_below` and
    `delete_above` the head is unsure. `record`: how it was trained and its metrics, plain JSON.
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
        """The id of the text tower whose name vectors are the last features; "" if there is none."""
        last = self.features[-1] if self.features else ""
        return last.removeprefix(NAME_PREFIX) if last.startswith(NAME_PREFIX) else ""

    @property
    def dims(self) -> int:
        """The number of columns of the embedding."""
        blocks = 2 if self.tower else 1
        return (len(self.weights) - len(self.features) + blocks - 1) // blocks

    def p_delete(self, *parts: Floats) -> Floats:
        """Return p_delete of each row: float32 [N, F] → float32 [N].

        The columns may come in several parts: joining them costs as much as multiplying them. Raises HeadError for a
        wrong number of columns.
        """
        width = sum(part.shape[1] for part in parts)
        if width != len(self.weights):
            raise HeadError(f"the head was trained on {len(self.weights)} features, not {width}")
        ends = np.cumsum([part.shape[1] for part in parts])[:-1]
        products = [part @ weights for part, weights in zip(parts, np.split(self.weights, ends), strict=True)]
        sums: Floats = np.sum(products, axis=0)
        logits = sums if self.hidden is None else self.hidden.output(sums)
        inner = sigmoid(logits.astype(np.float64) + self.bias)
        p_delete: Floats = (self.floor + (self.ceiling - self.floor) * inner).astype(np.float32)
        return p_delete

    def decision(self, p_delete: float) -> str:
        """Return `delete`, `keep`, or `unsure`."""
        if p_delete >= self.delete_above:
            return "delete"
        return "keep" if p_delete <= self.keep_below else "unsure"

    def pack(self) -> bytes:
        """Return MAGIC, the length of a JSON header, the header, and little-endian float32 numbers: the weights row by
        row, then those of the hidden layer.
        """
        fields = {
            "model": self.model,
            "features": list(self.features),
            "count": len(self.weights),
            "units": 0 if self.hidden is None else len(self.hidden.output_weights),
            "bias": self.bias,
            "floor": self.floor,
            "ceiling": self.ceiling,
            "keep_below": self.keep_below,
            "delete_above": self.delete_above,
            "record": self.record,
        }
        header = json.dumps(fields, allow_nan=False).encode()
        hidden = () if self.hidden is None else self.hidden
        numbers = np.concatenate([self.weights.ravel(), *hidden]).astype("<f4")
        return MAGIC + HEADER_LENGTH.pack(len(header)) + header + numbers.tobytes()


def unpack_head(data: bytes) -> Head:
    """Return the head that `pack` made these bytes of. Raises HeadError for anything else."""
    start = len(MAGIC) + HEADER_LENGTH.size
    if not data.startswith(MAGIC) or len(data) < start:
        raise HeadError("not a head")
    (length,) = HEADER_LENGTH.unpack_from(data, len(MAGIC))
    try:
        fields = json.loads(data[start : start + length])
        numbers = np.frombuffer(data[start + length :], "<f4").astype(np.float32)
        weights, hidden = _split_weights(numbers, int(fields["count"]), int(fields["units"]))
        return Head(
            fields["model"],
            tuple(fields["features"]),
            weights,
            float(fields["bias"]),
            float(fields["floor"]),
            float(fields["ceiling"]),
            float(fields["keep_below"]),
            float(fields["delete_above"]),
            fields["record"],
            hidden,
        )
    except (ValueError, KeyError, TypeError) as error:
        raise HeadError(f"the head is damaged: {error}") from error


def _split_weights(numbers: Floats, count: int, units: int) -> tuple[Floats, HiddenLayer | None]:
    """Raise HeadError unless there are as many numbers as `count` and `units` require, all of them finite."""
    expected = count * units + 2 * units or count
    if count < 1 or units < 0 or len(numbers) != expected or not np.isfinite(numbers).all():
        raise HeadError("the head is damaged: its weights are truncated or not finite")
    if not units:
        return numbers, None
    weights, bias, output_weights = np.split(numbers, [count * units, count * units + units])
    return weights.reshape(count, units), HiddenLayer(bias, output_weights)
