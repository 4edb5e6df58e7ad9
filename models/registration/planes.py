"""Brightness planes, and what registration does to them: shrinking, turning, smoothing, looking between pixels."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Flags = NDArray[np.bool_]

LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601


def brightness(pixels: NDArray[np.uint8], side: int) -> Floats:
    """uint8 [..., S, S, 3], S a multiple of `side`, to their brightness, float32 [..., side, side] in 0..255."""
    luma = pixels.astype(np.float32) @ LUMA_WEIGHTS
    edge = luma.shape[-1] // side
    shrunk: Floats = luma.reshape(*luma.shape[:-2], side, edge, side, edge).mean((-3, -1))
    return shrunk


def symmetries(plane: Floats) -> Floats:
    """The eight ways to lay a square [S, S] upon itself: four quarter turns, then those of its mirror image."""
    turned: Floats = np.stack([np.rot90(side, turns) for side in (plane, plane[:, ::-1]) for turns in range(4)])
    return turned


def resized(planes: Floats, height: int, width: int) -> Floats:
    """[..., S, S] to [..., height, width] by a triangle filter, wide enough not to alias."""
    shrunk: Floats = (
        np.matmul(_triangle_weights(height, planes.shape[-2]), planes) @ _triangle_weights(width, planes.shape[-1]).T
    )
    return shrunk


@cache
def _triangle_weights(after: int, before: int) -> Floats:
    step = before / after
    centres = (np.arange(after) + 0.5) * step - 0.5
    weights = np.maximum(0, 1 - np.abs(np.arange(before) - centres[:, None]) / max(step, 1.0))
    return np.asarray(weights / weights.sum(1, keepdims=True), np.float32)


def smoothed(planes: Floats, axis: int, times: int = 1) -> Floats:
    """Binomial smoothing along an axis (weights 1, 2, 1), so many times; edges are repeated."""
    for _ in range(times):
        turned = np.moveaxis(planes, axis, -1)
        wide = np.concatenate([turned[..., :1], turned, turned[..., -1:]], -1)
        planes = np.moveaxis((wide[..., :-2] + 2 * wide[..., 1:-1] + wide[..., 2:]) / 4, -1, axis)
    return planes


@cache
def grid(side: int) -> Floats:
    """The centres of all pixels of a square that reaches from -1 to 1: rows x, y, 1; float32 [3, side * side]."""
    ticks = (np.arange(side, dtype=np.float32) + 0.5) * 2 / side - 1
    across, down = np.meshgrid(ticks, ticks)
    return np.stack([across.ravel(), down.ravel(), np.ones(side * side, np.float32)])


def sampled(planes: Floats, places: Floats) -> tuple[Floats, Flags]:
    """Look between the pixels (bilinear) of [N, C, S, S] at places in -1..1, [N, 2, P].

    Returns the values [N, C, P], and which of the places lie on the plane at all, [N, P].
    """
    count, layers, side = planes.shape[:3]
    across, down = (places + 1).transpose(1, 0, 2) * (side / 2) - 0.5
    inside = (across > -0.5) & (across < side - 0.5) & (down > -0.5) & (down < side - 0.5)
    across, down = np.clip(across, 0, side - 1.001), np.clip(down, 0, side - 1.001)
    left, top = across.astype(np.int32), down.astype(np.int32)
    right, bottom = (across - left)[:, None], (down - top)[:, None]
    flat, first = planes.reshape(count, layers, -1), (top * side + left)[:, None]

    def corner(offset: int) -> Floats:
        return np.take_along_axis(flat, np.broadcast_to(first + offset, (count, layers, first.shape[-1])), 2)

    upper = corner(0) * (1 - right) + corner(1) * right
    lower = corner(side) * (1 - right) + corner(side + 1) * right
    return upper * (1 - bottom) + lower * bottom, inside
