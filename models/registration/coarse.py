"""Find likely placements of one image on another, by normalised cross-correlation of small versions.

The first step of registration, over windows of many sizes. A placement is a symmetry of the query, by its number (see
models.registration.planes.symmetries), and an affine map, float32 [2, 3], from coordinates on the candidate to
coordinates on the transformed query. Coordinates are in -1..1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.registration.planes import Floats, grid, resized, sampled

# Heights and widths of a window, as shares of the image. The query is a crop of the candidate:
CROP_SHARES = tuple((share, share) for share in (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5))
# The candidate is a part of the query, which adds a caption or a frame:
FRAME_SHARES = (
    *((share, share) for share in (0.95, 0.9, 0.85, 0.8, 0.7, 0.6)),
    *((share, 1.0) for share in (0.9, 0.85, 0.8, 0.7)),
    *((1.0, share) for share in (0.9, 0.8, 0.7)),
)
TURNS_RADIANS = tuple(np.deg2rad((-6.0, -3.0, 3.0, 6.0)).tolist())
MIN_DEVIATION = 0.3  # levels of 255; windows with a lower standard deviation hardly correlate


@dataclass(frozen=True, slots=True)
class Placements:
    """N placements. `candidate`: its number, int [N]; `symmetry`: int [N]; `maps`: float32 [N, 2, 3]."""

    candidate: np.ndarray
    symmetry: np.ndarray
    maps: Floats

    def __getitem__(self, indices: np.ndarray) -> "Placements":
        return Placements(self.candidate[indices], self.symmetry[indices], self.maps[indices])


def likely_placements(queries: Floats, candidates: Floats, keep: int) -> Placements:
    """Return the best placement on each candidate [K, S, S], and the `keep` best regardless of the candidate.

    `queries` [8, S, S]: the symmetries of the query. The latter differ in symmetry or window: near duplicates among
    the candidates would otherwise contribute the same placement and displace others.
    """
    found = [_as_crop(queries, candidates, *shares) for shares in CROP_SHARES]
    found += [_as_frame(queries, candidates, *shares) for shares in FRAME_SHARES]
    found += [_as_rotation(queries, candidates, angle) for angle in TURNS_RADIANS]
    scores = np.stack([score for score, _ in found], 2).reshape(len(candidates), -1)  # [K, 8 * kinds]
    maps = np.stack([maps for _, maps in found], 2).reshape(len(candidates), -1, 2, 3)
    kinds = np.argsort(-scores.max(0))[:keep]
    candidate = np.concatenate([np.arange(len(candidates)), scores[:, kinds].argmax(0)])
    kind = np.concatenate([scores.argmax(1), kinds])
    return Placements(candidate, kind // len(found), maps[candidate, kind])


def _as_crop(queries: Floats, candidates: Floats, height: float, width: float) -> tuple[Floats, Floats]:
    """Return scores [K, 8] and maps [K, 8, 2, 3] for queries that are a part of the candidate."""
    scores, centre, half = _best_windows(candidates, queries, height, width)
    zoom = (1 / half).astype(np.float32)
    return scores, _affine_maps(zoom, -centre * zoom)


def _as_frame(queries: Floats, candidates: Floats, height: float, width: float) -> tuple[Floats, Floats]:
    """Return scores [K, 8] and maps [K, 8, 2, 3] for candidates that are a part of the query."""
    scores, centre, half = _best_windows(queries, candidates, height, width)
    return scores.T, _affine_maps(half, centre.swapaxes(0, 1))


def _as_rotation(queries: Floats, candidates: Floats, angle: float) -> tuple[Floats, Floats]:
    """Return scores [K, 8] and maps [K, 8, 2, 3] for queries that are rotated by a small angle (radians)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    rotation = np.array([[cosine, -sine, 0], [sine, cosine, 0]], np.float32)
    side = queries.shape[-1]
    upright, _ = sampled(queries[:, None], np.repeat((rotation @ grid(side))[None], len(queries), 0))
    scores, _, _ = _best_windows(candidates, upright.reshape(queries.shape), 1.0, 1.0)
    return scores, np.broadcast_to(rotation, (len(candidates), len(queries), 2, 3))


def _best_windows(fields: Floats, patterns: Floats, height: float, width: float) -> tuple[Floats, Floats, Floats]:
    """Find the window of each field [N, S, S] that correlates best with each pattern [M, S, S] scaled to its size.

    Returns correlations [N, M], the centres [N, M, 2] of the windows, and their half size [2]: (x, y) in -1..1.
    """
    side = fields.shape[-1]
    tall, wide = round(side * height), round(side * width)
    small = resized(patterns, tall, wide).reshape(len(patterns), -1)
    small -= small.mean(1, keepdims=True)
    min_norm = MIN_DEVIATION * np.sqrt(tall * wide)
    small /= np.maximum(np.linalg.norm(small, axis=1, keepdims=True), min_norm)
    windows = sliding_window_view(fields, (tall, wide), (1, 2))
    columns = windows.shape[2]
    windows = windows.reshape(len(fields), -1, tall * wide)
    spread = np.einsum("npi,npi->np", windows, windows) - windows.sum(2) ** 2 / (tall * wide)
    scores = windows @ small.T / np.maximum(np.sqrt(np.maximum(spread, 0)), min_norm)[..., None]  # [N, windows, M]
    best = scores.argmax(1)
    top, left = best // columns, best % columns
    centre = np.stack([2 * left + wide, 2 * top + tall], -1) / side - 1
    half = np.array([wide, tall], np.float32) / side
    return np.take_along_axis(scores, best[:, None], 1)[:, 0], centre.astype(np.float32), half


def _affine_maps(scale: Floats, offset: Floats) -> Floats:
    """Return maps [..., 2, 3] that scale by [2] and translate by [..., 2]."""
    maps = np.zeros((*offset.shape[:-1], 2, 3), np.float32)
    maps[..., 0, 0], maps[..., 1, 1] = scale
    maps[..., 2] = offset
    return maps
