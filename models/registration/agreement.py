"""How well one picture explains another that lies upon it."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.registration.planes import Flags, Floats, grid, sampled, smoothed

TONE_LEVELS = 32  # of the candidate's brightness, each with the query's brightness that belongs to it
MIN_VARIANCE = 4.0  # square levels: the least variance that there is something to explain in
MAX_STRETCH, MIN_STRETCH, MAX_ANISOTROPY = (
    2.3,
    0.5,
    1.6,
)  # the most and the least that a map stretches, and how unevenly at most
MIN_COVERED_SHARE, MIN_QUERY_SHARE = 0.8, 0.4  # of one of the two pictures at least, and of the query


def overlap_shares(maps: Floats) -> Floats:
    """The share of the query that lies upon the candidate, [N]; 0 where the map is none that people make.

    One of the two has to be nearly whole in the other: all else is chance, or a collage.
    """
    stretch = np.linalg.svd(maps[:, :, :2], compute_uv=False)
    sane = (
        (stretch[:, 0] < MAX_STRETCH) & (stretch[:, 1] > MIN_STRETCH) & (stretch[:, 0] < MAX_ANISOTROPY * stretch[:, 1])
    )
    turned = np.where(sane[:, None, None], maps[:, :, :2], np.eye(2, dtype=np.float32))
    back, places = np.linalg.inv(turned), grid(16)
    query = (np.abs(back @ (places[:2] - maps[:, :, 2:])).max(1) <= 1.02).mean(1)
    candidate = (np.abs(maps @ places).max(1) <= 1.02).mean(1)
    share: Floats = np.where(
        sane & (np.maximum(query, candidate) > MIN_COVERED_SHARE) & (query > MIN_QUERY_SHARE), query, 0
    )
    return share


def explained_variance(query: Floats, candidates: Floats, map: Floats, *, blurred: bool) -> Floats:
    """What each candidate explains of the query's variance, where it lies upon them: [S, S], [K, S, S] to [K].

    By a tone curve, whatever its form: the correlation ratio (Roche and others, 1998). With `blurred` by a symmetric
    blur or sharpening as well. 1 is the same picture, up to a resampling 0.99; strangers seldom have more than 0.8.
    """
    seen, inside = sampled(query[None, None], map[None] @ grid(query.shape[-1]))
    values, there = seen[0, 0], inside[0]
    values = values - values[there].mean() if there.any() else values
    total = max(float((values[there] ** 2).sum()), MIN_VARIANCE * max(1, int(there.sum())))
    told = _tone_mapped(values, there, candidates.reshape(len(candidates), -1))
    if blurred:
        told = _with_best_blur(values, there, told.reshape(candidates.shape))
    left = (values - told)[:, there]
    share: Floats = 1 - np.einsum("kp,kp->k", left, left) / total
    return share


def _tone_mapped(values: Floats, there: Flags, shown: Floats) -> Floats:
    """The query [P] as a curve of each candidate's brightness [K, P] foretells it: means at LEVELS, joined by lines."""
    place = np.clip(shown * (TONE_LEVELS / 256) - 0.5, 0, TONE_LEVELS - 1.001)
    low = place.astype(np.int64)
    above = place - low
    bins = low + TONE_LEVELS * np.arange(len(shown))[:, None]

    def sums(weights: NDArray[Any]) -> NDArray[Any]:
        lower = np.bincount(bins.ravel(), ((1 - above) * weights).ravel(), TONE_LEVELS * len(shown))
        upper = np.bincount(bins.ravel() + 1, (above * weights).ravel(), TONE_LEVELS * len(shown))
        return lower + upper

    curve = (sums(values * there) / np.maximum(sums(np.broadcast_to(there, shown.shape)), 1e-3)).astype(np.float32)
    foretold: Floats = curve[bins] * (1 - above) + curve[bins + 1] * above
    return foretold


def _with_best_blur(values: Floats, there: Flags, told: Floats) -> Floats:
    """What is foretold, [K, S, S], blurred or sharpened to be nearest to the query [P]: [K, P]."""
    across, down = smoothed(told, 2), smoothed(told, 1)
    wider, taller = smoothed(across, 2, 3), smoothed(down, 1, 3)
    kinds = np.stack([told, across, down, wider, taller, smoothed(across, 1), smoothed(wider, 1, 4)], 1)
    kinds = kinds.reshape(len(told), 7, -1)
    kinds = np.concatenate([kinds, np.ones_like(kinds[:, :1])], 1)
    fitted = kinds[:, :, there].astype(np.float64)  # seven nearly equal columns
    normal = fitted @ fitted.transpose(0, 2, 1)
    normal[:, range(8), range(8)] = normal[:, range(8), range(8)] * (1 + 1e-5) + 1
    mixed = np.linalg.solve(normal, (fitted @ values[there])[..., None])
    best: Floats = np.einsum("kcp,kc->kp", kinds, mixed[..., 0].astype(np.float32))
    return best
