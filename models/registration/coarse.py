"""Where one picture may lie upon another: normalised cross-correlation of small versions, over windows of many sizes.

The first step of registration. A placement is a symmetry of the query, by its number (models.registration.planes),
and an affine map float32 [2, 3] from places on the candidate to places on the query so turned, both squares from -1
to 1.
"""

from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from models.registration.planes import Floats, grid, resized, sampled

# Heights and widths of a window, as shares. The query is cut out of the candidate:
CROP_SHARES = tuple((share, share) for share in (1.0, 0.95, 0.9, 0.85, 0.8, 0.75, 0.7, 0.65, 0.6, 0.5))
# Or the candidate stands in the query, below a caption or within a frame:
FRAME_SHARES = (
    *((share, share) for share in (0.95, 0.9, 0.85, 0.8, 0.7, 0.6)),
    *((share, 1.0) for share in (0.9, 0.85, 0.8, 0.7)),
    *((1.0, share) for share in (0.9, 0.8, 0.7)),
)
TURNS_RADIANS = tuple(np.deg2rad((-6.0, -3.0, 3.0, 6.0)).tolist())
MIN_DEVIATION = 0.3  # levels of 255: the least deviation of a window that correlation is asked of


@dataclass(frozen=True, slots=True)
class Placements:
    """N placements: of which candidate, int [N]; symmetries, int [N]; maps, float32 [N, 2, 3]."""

    candidate: np.ndarray
    symmetry: np.ndarray
    maps: Floats

    def __getitem__(self, chosen: np.ndarray) -> "Placements":
        return Placements(self.candidate[chosen], self.symmetry[chosen], self.maps[chosen])


def likely_placements(queries: Floats, candidates: Floats, keep: int) -> Placements:
    """The likeliest on each candidate [K, S, S], and the `keep` likeliest that differ in more than the candidate.

    `queries` [8, S, S] are the symmetries of one. Of twins each would have the same placements, and crowd out others.
    """
    found = [_as_crop(queries, candidates, *shares) for shares in CROP_SHARES]
    found += [_as_frame(queries, candidates, *shares) for shares in FRAME_SHARES]
    found += [_as_rotation(queries, candidates, turn) for turn in TURNS_RADIANS]
    scores = np.stack([score for score, _ in found], 2).reshape(len(candidates), -1)  # [K, 8 * kinds]
    maps = np.stack([maps for _, maps in found], 2).reshape(len(candidates), -1, 2, 3)
    kinds = np.argsort(-scores.max(0))[:keep]
    candidate = np.concatenate([np.arange(len(candidates)), scores[:, kinds].argmax(0)])
    kind = np.concatenate([scores.argmax(1), kinds])
    return Placements(candidate, kind // len(found), maps[candidate, kind])


def _as_crop(queries: Floats, candidates: Floats, height: float, width: float) -> tuple[Floats, Floats]:
    """Scores [K, 8] and maps [K, 8, 2, 3] where the query is a part of the candidate."""
    scores, middle, half = _best_windows(candidates, queries, height, width)
    zoom = (1 / half).astype(np.float32)
    return scores, _affine_maps(zoom, -middle * zoom)


def _as_frame(queries: Floats, candidates: Floats, height: float, width: float) -> tuple[Floats, Floats]:
    """The same where the candidate is a part of the query."""
    scores, middle, half = _best_windows(queries, candidates, height, width)
    return scores.T, _affine_maps(half, middle.swapaxes(0, 1))


def _as_rotation(queries: Floats, candidates: Floats, turn: float) -> tuple[Floats, Floats]:
    """The same where the query was turned a little."""
    cosine, sine = np.cos(turn), np.sin(turn)
    one = np.array([[cosine, -sine, 0], [sine, cosine, 0]], np.float32)
    side = queries.shape[-1]
    upright, _ = sampled(queries[:, None], np.repeat((one @ grid(side))[None], len(queries), 0))
    scores, _, _ = _best_windows(candidates, upright.reshape(queries.shape), 1.0, 1.0)
    return scores, np.broadcast_to(one, (len(candidates), len(queries), 2, 3))


def _best_windows(fields: Floats, patterns: Floats, height: float, width: float) -> tuple[Floats, Floats, Floats]:
    """The window of each field [N, S, S] that each pattern [M, S, S], shrunk to it, resembles most.

    Returns correlations [N, M], middles [N, M, 2] and the half size [2] of the windows: x and y, in -1..1.
    """
    side = fields.shape[-1]
    tall, wide = round(side * height), round(side * width)
    small = resized(patterns, tall, wide).reshape(len(patterns), -1)
    small -= small.mean(1, keepdims=True)
    least = MIN_DEVIATION * np.sqrt(tall * wide)
    small /= np.maximum(np.linalg.norm(small, axis=1, keepdims=True), least)
    windows = sliding_window_view(fields, (tall, wide), (1, 2))
    across = windows.shape[2]
    windows = windows.reshape(len(fields), -1, tall * wide)
    spread = np.einsum("npi,npi->np", windows, windows) - windows.sum(2) ** 2 / (tall * wide)
    scores = windows @ small.T / np.maximum(np.sqrt(np.maximum(spread, 0)), least)[..., None]  # [N, places, M]
    best = scores.argmax(1)
    top, left = best // across, best % across
    middle = np.stack([2 * left + wide, 2 * top + tall], -1) / side - 1
    half = np.array([wide, tall], np.float32) / side
    return np.take_along_axis(scores, best[:, None], 1)[:, 0], middle.astype(np.float32), half


def _affine_maps(scale: Floats, offset: Floats) -> Floats:
    """Maps [..., 2, 3] that scale by [2] and move by [..., 2]."""
    maps = np.zeros((*offset.shape[:-1], 2, 3), np.float32)
    maps[..., 0, 0], maps[..., 1, 1] = scale
    maps[..., 2] = offset
    return maps
