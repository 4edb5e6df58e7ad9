"""The last layer in closed form: make changes of one picture small, then keep where pictures differ."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from .augment import Augmenter
from .drawing.pixels import Pixels

VIEWS = 5
BATCH = 64
ViewFeatures = NDArray[np.float32]
"""[pictures, 1 + VIEWS, n]: the picture as it is, then its changed views."""


def as_floats(pixels: Pixels) -> Tensor:
    """uint8 [B, S, S, 3] -> float32 [B, 3, S, S] in 0..1."""
    return torch.tensor(pixels).permute(0, 3, 1, 2).float() / 255


def as_bytes(pictures: Tensor) -> Tensor:
    """float32 [B, 3, S, S] in 0..1 -> uint8 [B, S, S, 3]."""
    return (pictures.clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).contiguous()


def view_features(
    features: nn.Module, pixels: Pixels, augment: Augmenter, size: int, views: int = VIEWS
) -> ViewFeatures:
    """Features of every picture and of changed views of it."""
    found = []
    with torch.inference_mode():
        for start in range(0, len(pixels), BATCH):
            pictures = as_floats(pixels[start : start + BATCH])
            plain = functional.interpolate(pictures, size=size, mode="bilinear", antialias=True)
            batch = [plain, *(augment(pictures, size) for _ in range(views))]
            values = features(torch.cat([as_bytes(view) for view in batch]))
            found.append(values.reshape(views + 1, len(pictures), -1).transpose(0, 1).numpy())
    return np.concatenate(found)


def whitening(found: ViewFeatures, dimensions: int, ridge: float, siblings: float) -> tuple[Tensor, Tensor]:
    """Mean [n] and projection [n, dimensions] by linear discriminant analysis.

    `ridge` is added to the scatter within pictures, as a share of its mean variance; `siblings` is
    the share of the scatter between pictures that comes from differences of siblings.
    """
    count, views, size = found.shape
    plain = found[:, 0].astype(np.float64)
    mean = plain.mean(0)
    inner = (found - found.mean(1, keepdims=True)).reshape(-1, size).astype(np.float64)
    within = inner.T @ inner / (count * (views - 1))
    between = (plain - mean).T @ (plain - mean) / count
    pairs = plain[0::2] - plain[1::2]
    between = (1 - siblings) * between + siblings * (pairs.T @ pairs) / count
    steady = within + ridge * np.trace(within) / size * np.eye(size) + 0.02 * between
    values, vectors = np.linalg.eigh(steady)
    white = vectors / np.sqrt(values)
    spread, directions = np.linalg.eigh(white.T @ between @ white)
    leading = directions[:, np.argsort(spread)[::-1][:dimensions]]
    projection = white @ leading
    # An eigenvector's sign is arbitrary: without a rule, rounding elsewhere flipped vectors of the same seed.
    projection *= np.sign(projection[np.abs(projection).argmax(0), np.arange(projection.shape[1])])
    return torch.tensor(mean).float(), torch.tensor(projection).float()
