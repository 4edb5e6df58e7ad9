"""The keep/delete head: one weight a feature. What is stored is a few kilobytes that no program has to trust."""

import json
import struct
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.logistic import sigmoid

Floats = NDArray[np.float32]
MAGIC = b"catalogd-head\x01"
LENGTH = struct.Struct("<I")


class HeadError(Exception):
    """Bytes that are no head, or one for other features."""


@dataclass(frozen=True, slots=True)
class Head:
    """`weights`: float32 [F], scaling and slope folded in.

    p_delete = floor + (ceiling - floor) * sigmoid(features @ weights + bias)
    (models.calibration says why).

    `model`: digest of the bundle whose embedding comes first among the features. `features`: names of those that
    follow it. `keep_below`, `delete_above`: between them the head does not know, and says so. `record`: how it was
    trained and how good it is, plain JSON.
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

    def chances(self, *parts: Floats) -> Floats:
        """p_delete of each row: float32 [N, F] → float32 [N]. The columns may come in several parts, in their order:
        to join them costs as much as to multiply them.
        """
        width = sum(part.shape[1] for part in parts)
        if width != len(self.weights):
            raise HeadError(f"{width} features, the head knows {len(self.weights)}")
        ends = np.cumsum([part.shape[1] for part in parts])[:-1]
        sums = [part @ own for part, own in zip(parts, np.split(self.weights, ends), strict=True)]
        inner = sigmoid(np.sum(sums, axis=0).astype(np.float64) + self.bias)
        chances: Floats = (self.floor + (self.ceiling - self.floor) * inner).astype(np.float32)
        return chances

    def word(self, chance: float) -> str:
        """`delete`, `keep`, or `unsure`."""
        if chance >= self.delete_above:
            return "delete"
        return "keep" if chance <= self.keep_below else "unsure"

    def pack(self) -> bytes:
        """A magic word, the length of a JSON header, the header, the weights as little-endian float32."""
        said = {
            "model": self.model,
            "features": list(self.features),
            "count": len(self.weights),
            "bias": self.bias,
            "floor": self.floor,
            "ceiling": self.ceiling,
            "keep_below": self.keep_below,
            "delete_above": self.delete_above,
            "record": self.record,
        }
        header = json.dumps(said, allow_nan=False).encode()
        return MAGIC + LENGTH.pack(len(header)) + header + self.weights.astype("<f4").tobytes()


def unpack(data: bytes) -> Head:
    """The head of these bytes. Raises HeadError for anything else."""
    start = len(MAGIC) + LENGTH.size
    if not data.startswith(MAGIC) or len(data) < start:
        raise HeadError("this is no head")
    (length,) = LENGTH.unpack_from(data, len(MAGIC))
    try:
        said = json.loads(data[start : start + length])
        weights = np.frombuffer(data[start + length :], "<f4").astype(np.float32)
        head = Head(
            said["model"],
            tuple(said["features"]),
            weights,
            float(said["bias"]),
            float(said["floor"]),
            float(said["ceiling"]),
            float(said["keep_below"]),
            float(said["delete_above"]),
            said["record"],
        )
    except (ValueError, KeyError, TypeError) as error:
        raise HeadError(f"the head is damaged: {error}") from error
    if len(weights) != said["count"] or not np.isfinite(weights).all():
        raise HeadError("the head is damaged: its weights are cut or no numbers")
    return head
