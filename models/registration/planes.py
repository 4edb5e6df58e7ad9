"""Operations on brightness planes: scaling, symmetries, smoothing, and sampling between pixels."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def brightness(pixels: NDArray[np.uint8], side: int) -> Floats:
    """Convert uint8 [..., S, S, 3] to float32 [..., side, side] in 0..255. S is a multiple of `side`."""
    luma = pixels.astype(np.float32) @ LUMA_WEIGHTS
    factor = luma.shape[-1] // side
    scaled: Floats = luma.reshape(*luma.shape[:-2], side, factor, side, factor).mean((-3, -1))
    return scaled


def symmetries(plane: Floats) -> Floats:
    """Return the eight symmetries of a square [S, S]: four rotations by 90 degrees, then those of its mirror image."""
    variants: Floats = np.stack([np.rot90(side, turns) for side in (plane, plane[:, ::-1]) for turns in range(4)])
    return variants


def resized(planes: Floats, height: int, width: int) -> Floats:
    """Scale [..., S, S] to [..., height, width] with a triangle filter that is wide enough to avoid aliasing."""
    rows = np.matmul(_triangle_weights(height, planes.shape[-2]), planes)
    scaled: Floats = rows @ _triangle_weights(width, planes.shape[-1]).T
    return scaled


@cache
def _triangle_weights(after: int, before: int) -> Floats:
    step = before / after
    centres = (np.arange(after) + 0.5) * step - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(before) - centres[:, None]) / max(step, 1.0))
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def smoothed(planes: Floats, axis: int, times: int = 1) -> Floats:
    """Smooth along an axis with binomial weights (1, 2, 1), `times` times. Edges are repeated."""
    for _ in range(times):
        moved = np.moveaxis(planes, axis, -1)
        padded = np.concatenate([moved[..., :1], moved, moved[..., -1:]], -1)
        planes = np.moveaxis((padded[..., :-2] + 2 * padded[..., 1:-1] + padded[..., 2:]) / 4, -1, axis)
    return planes


@cache
def grid(side: int) -> Floats:
    """Return the pixel centres of a square from -1 to 1 as rows x, y and 1: float32 [3, side * side]."""
    ticks = (np.arange(side, dtype=np.float32) + 0.5) * 2 / side - 1
    x, y = np.meshgrid(ticks, ticks)
    return np.stack([x.ravel(), y.ravel(), np.ones(side * side, np.float32)])


def sampled(planes: Floats, points: Floats) -> tuple[Floats, Flags]:
    """Sample [N, C, S, S] bilinearly at points in -1..1, [N, 2, P].

    Returns the values [N, C, P], and whether each point is on the plane, [N, P].
    """
    count, channels, side = planes.shape[:3]
    x, y = (points + 1).transpose(1, 0, 2) * (side / 2) - 0.5
    inside = (x > -0.5) & (x < side - 0.5) & (y > -0.5) & (y < side - 0.5)
    x, y = np.clip(x, 0, side - 1.001), np.clip(y, 0, side - 1.001)
    left, top = x.astype(np.int32), y.astype(np.int32)
    right, bottom = (x - left)[:, None], (y - top)[:, None]
    flat, top_left = planes.reshape(count, channels, -1), (top * side + left)[:, None]

    def corner(offset: int) -> Floats:
        return np.take_along_axis(flat, np.broadcast_to(top_left + offset, (count, channels, top_left.shape[-1])), 2)

    upper = corner(0) * (1 - right) + corner(1) * right
    lower = corner(side) * (1 - right) + corner(side + 1) * right
    return upper * (1 - bottom) + lower * bottom, inside
