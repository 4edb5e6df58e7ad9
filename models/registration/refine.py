"""Refine placements by least squares: the Gauss-Newton method of Lucas and Kanade (1981).

Gain and offset of the brightness are solved for along with the map, and outliers are down-weighted (Cauchy weights).
"""

import numpy as np

from models.registration.planes import Floats, grid, sampled

OUTLIER_FLOOR = 2.0  # levels of 255; smaller differences never count as outliers
MAX_STEP = 0.15  # per iteration, in half sides


def refined_maps(queries: Floats, candidates: Floats, maps: Floats, steps: int, *, upright: bool) -> Floats:
    """Return maps [N, 2, 3] refined in `steps` iterations, for queries and candidates [N, S, S] in levels of 255.

    `upright`: the sides of the query stay parallel to those of the candidate.
    """
    side = queries.shape[-1]
    points = grid(side)
    gradient_y, gradient_x = (gradient * (side / 2) for gradient in np.gradient(queries, axis=(1, 2)))
    channels = np.stack([queries, gradient_x, gradient_y], 1)
    targets = candidates.reshape(len(candidates), -1)
    weights = np.ones_like(targets)
    for _ in range(steps):
        samples, inside = sampled(channels, maps @ points)
        columns = _jacobian(samples, targets, upright)
        weighted = columns * (weights * inside)[:, None]
        normal = weighted @ columns.transpose(0, 2, 1)
        normal[:, range(8), range(8)] = normal[:, range(8), range(8)] * (1 + 1e-4) + 1e-3
        solution = np.linalg.solve(normal, -(weighted @ samples[:, 0, :, None]))[..., 0]
        maps = maps + np.clip(solution[:, :6].reshape(-1, 2, 3), -MAX_STEP, MAX_STEP)
        residual = samples[:, 0] + np.einsum("nc,ncp->np", solution, columns)
        deviation = np.sqrt((residual * residual * inside).sum(1) / np.maximum(inside.sum(1), 1))
        weights = 1 / (1 + (residual / (1.5 * deviation[:, None] + OUTLIER_FLOOR)) ** 2)
    return maps


def _jacobian(samples: Floats, targets: Floats, upright: bool) -> Floats:
    """Return the derivatives of the residual by the map's six coefficients, the gain and the offset: [N, 8, P]."""
    gradient_x, gradient_y = samples[:, 1], samples[:, 2]
    x, y, one = grid(round(np.sqrt(targets.shape[1])))
    columns = np.stack(
        [
            *(gradient_x * x, gradient_x * y, gradient_x),
            *(gradient_y * x, gradient_y * y, gradient_y),
            *(-targets, -np.broadcast_to(one, targets.shape)),
        ],
        1,
    )
    if upright:
        columns[:, (1, 3)] = 0
    return columns
