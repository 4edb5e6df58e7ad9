"""Placements made exact by least squares: the Gauss-Newton way of Lucas and Kanade (1981), with gain and offset of the
brightness solved for beside the map, and what does not fit weighed down (Cauchy's weights).
"""

import numpy as np

from models.registration.planes import Floats, grid, sampled

OUTLIER_FLOOR = 2.0  # levels: differences that are never taken for outliers
MAX_STEP = 0.15  # of the square's half side: the longest step


def refined_maps(queries: Floats, candidates: Floats, maps: Floats, steps: int, *, upright: bool) -> Floats:
    """Better maps [N, 2, 3] for queries and candidates, [N, S, S] each, in levels of 255.

    `upright`: the sides of the query stay parallel to those of the candidate.
    """
    side = queries.shape[-1]
    places = grid(side)
    down, across = (slope * (side / 2) for slope in np.gradient(queries, axis=(1, 2)))
    layers = np.stack([queries, across, down], 1)
    shown = candidates.reshape(len(candidates), -1)
    trust = np.ones_like(shown)
    for _ in range(steps):
        seen, inside = sampled(layers, maps @ places)
        columns = _jacobian(seen, shown, upright)
        weighed = columns * (trust * inside)[:, None]
        normal = weighed @ columns.transpose(0, 2, 1)
        normal[:, range(8), range(8)] = normal[:, range(8), range(8)] * (1 + 1e-4) + 1e-3
        solved = np.linalg.solve(normal, -(weighed @ seen[:, 0, :, None]))[..., 0]
        maps = maps + np.clip(solved[:, :6].reshape(-1, 2, 3), -MAX_STEP, MAX_STEP)
        left = seen[:, 0] + np.einsum("nc,ncp->np", solved, columns)
        typical = np.sqrt((left * left * inside).sum(1) / np.maximum(inside.sum(1), 1))
        trust = 1 / (1 + (left / (1.5 * typical[:, None] + OUTLIER_FLOOR)) ** 2)
    return maps


def _jacobian(seen: Floats, shown: Floats, upright: bool) -> Floats:
    """How the misfit changes with each of the map's six numbers, the gain and the offset: [N, 8, P]."""
    across, down = seen[:, 1], seen[:, 2]
    x, y, one = grid(round(np.sqrt(shown.shape[1])))
    columns = np.stack(
        [across * x, across * y, across, down * x, down * y, down, -shown, -np.broadcast_to(one, shown.shape)], 1
    )
    if upright:
        columns[:, (1, 3)] = 0
    return columns
