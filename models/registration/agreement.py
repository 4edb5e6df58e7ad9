"""Measure how well one image explains another that is aligned with it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.registration.planes import Flags, Floats, grid, sampled, smoothed

TONE_LEVELS = 32  # nodes of the tone curve, from the candidate's brightness to the query's
MIN_VARIANCE = 4.0  # squared levels of 255; a query with less has nothing to explain
MAX_STRETCH, MIN_STRETCH, MAX_ANISOTROPY = 2.3, 0.5, 1.6  # singular values of a plausible map, and their ratio
MIN_COVERED_SHARE, MIN_QUERY_SHARE = 0.8, 0.4  # minimum overlap: of one of the two images, and of the query


def overlap_shares(maps: Floats) -> Floats:
    """Return the share of the query that overlaps the candidate, [N], for affine maps [N, 2, 3].

    It is 0 for implausible maps. One of the two images must be nearly complete in the other: everything else is a
    chance match, or a collage.
    """
    longest, shortest = np.linalg.svd(maps[:, :, :2], compute_uv=False).T
    plausible = (longest < MAX_STRETCH) & (shortest > MIN_STRETCH) & (longest < MAX_ANISOTROPY * shortest)
    linear = np.where(plausible[:, None, None], maps[:, :, :2], np.eye(2, dtype=np.float32))
    inverse, points = np.linalg.inv(linear), grid(16)
    query = (np.abs(inverse @ (points[:2] - maps[:, :, 2:])).max(1) <= 1.02).mean(1)
    candidate = (np.abs(maps @ points).max(1) <= 1.02).mean(1)
    overlaps = (np.maximum(query, candidate) > MIN_COVERED_SHARE) & (query > MIN_QUERY_SHARE)
    share: Floats = np.where(plausible & overlaps, query, 0)
    return share


def explained_variance(query: Floats, candidates: Floats, map: Floats, *, blurred: bool) -> Floats:
    """Return the share of the query's variance that each candidate explains in their overlap: [S, S], [K, S, S] → [K].

    The candidate is passed through a tone curve of any shape: the correlation ratio (Roche et al., 1998). With
    `blurred`, it is also passed through a symmetric blur or sharpening. The same image has 1, or 0.99 after
    resampling; other images seldom have more than 0.8.
    """
    ((values,),), (inside,) = sampled(query[None, None], map[None] @ grid(query.shape[-1]))
    values = values - values[inside].mean() if inside.any() else values
    total = max(float((values[inside] ** 2).sum()), MIN_VARIANCE * max(1, int(inside.sum())))
    predicted = _tone_mapped(values, inside, candidates.reshape(len(candidates), -1))
    if blurred:
        predicted = _with_best_blur(values, inside, predicted.reshape(candidates.shape))
    residual = (values - predicted)[:, inside]
    share: Floats = 1 - np.einsum("kp,kp->k", residual, residual) / total
    return share


def _tone_mapped(values: Floats, inside: Flags, candidates: Floats) -> Floats:
    """Predict the query [P] from each candidate [K, P] by a piecewise linear tone curve with TONE_LEVELS nodes."""
    level = np.clip(candidates * (TONE_LEVELS / 256) - 0.5, 0, TONE_LEVELS - 1.001)
    low = level.astype(np.int64)
    fraction = level - low
    bins = low + TONE_LEVELS * np.arange(len(candidates))[:, None]

    def sums(weights: NDArray[Any]) -> NDArray[Any]:
        lower = np.bincount(bins.ravel(), ((1 - fraction) * weights).ravel(), TONE_LEVELS * len(candidates))
        upper = np.bincount(bins.ravel() + 1, (fraction * weights).ravel(), TONE_LEVELS * len(candidates))
        return lower + upper

    counts = np.maximum(sums(np.broadcast_to(inside, candidates.shape)), 1e-3)
    curve = (sums(values * inside) / counts).astype(np.float32)
    predicted: Floats = curve[bins] * (1 - fraction) + curve[bins + 1] * fraction
    return predicted


def _with_best_blur(values: Floats, inside: Flags, predicted: Floats) -> Floats:
    """Blur or sharpen the predictions [K, S, S] to fit the query [P] best by least squares; return [K, P]."""
    across, down = smoothed(predicted, 2), smoothed(predicted, 1)
    wider, taller = smoothed(across, 2, 3), smoothed(down, 1, 3)
    terms = np.stack([predicted, across, down, wider, taller, smoothed(across, 1), smoothed(wider, 1, 4)], 1)
    terms = terms.reshape(len(predicted), 7, -1)
    terms = np.concatenate([terms, np.ones_like(terms[:, :1])], 1)
    fitted = terms[:, :, inside].astype(np.float64)  # seven nearly equal columns need the precision
    normal = fitted @ fitted.transpose(0, 2, 1)
    normal[:, range(8), range(8)] = normal[:, range(8), range(8)] * (1 + 1e-5) + 1
    weights = np.linalg.solve(normal, (fitted @ values[inside])[..., None])
    best: Floats = np.einsum("kcp,kc->kp", terms, weights[..., 0].astype(np.float32))
    return best
