"""Decide whether two images are the same, by aligning them and comparing their pixels.

An embedding cannot distinguish a screenshot from the same screen in another language, but it finds the few images that
come into question. Registration distinguishes those, even after cropping, framing, captions, rotation, mirroring,
changes of brightness, blur and compression.
"""

import numpy as np
from numpy.typing import NDArray

from models.registration.agreement import explained_variance, overlap_shares
from models.registration.coarse import Placements, likely_placements
from models.registration.planes import Floats, brightness, symmetries
from models.registration.refine import refined_maps

SIDE = 128  # pixels; images are scaled to a square, whatever their aspect ratio
COARSE_SIDE, MIDDLE_SIDE = 32, 64
COARSE_PLACEMENTS, MIDDLE_PLACEMENTS = 24, 4
MIN_PLACEMENT_DISTANCE = 0.04  # of half the side; placements closer to each other count as one


def explained_shares(query: NDArray[np.uint8], candidates: NDArray[np.uint8]) -> Floats:
    """Return the share of the query that each candidate explains, in 0..1.

    uint8 [SIDE, SIDE, 3], [K, SIDE, SIDE, 3] → float32 [K]. All candidates are compared under the placement that is
    best for the best of them: they compete for one query, and each alone would find a crop that is easy to explain.
    """
    coarse = symmetries(brightness(query, COARSE_SIDE)), brightness(candidates, COARSE_SIDE)
    middle = symmetries(brightness(query, MIDDLE_SIDE)), brightness(candidates, MIDDLE_SIDE)
    finalists = _best_placements(*coarse, likely_placements(*coarse, COARSE_PLACEMENTS))
    best = _best_placement(*middle, finalists)
    (symmetry,) = best.symmetry
    return _final_shares(symmetries(brightness(query, SIDE))[symmetry], brightness(candidates, SIDE), best)


def _best_placements(queries: Floats, candidates: Floats, tried: Placements) -> Placements:
    """Refine the placements; return the best few that differ from each other."""
    pairs = queries[tried.symmetry], candidates[tried.candidate]
    tried = Placements(tried.candidate, tried.symmetry, refined_maps(*pairs, tried.maps, 6, upright=True))
    shares = np.concatenate(
        [
            explained_variance(query, candidate[None], map, blurred=False)
            for query, candidate, map in zip(*pairs, tried.maps, strict=True)
        ]
    )
    order = np.argsort(-shares * np.sqrt(overlap_shares(tried.maps)), kind="stable")
    chosen: list[int] = []
    for index in order.tolist():
        rivals = [other for other in chosen if tried.symmetry[other] == tried.symmetry[index]]
        if all(np.abs(tried.maps[other] - tried.maps[index]).max() > MIN_PLACEMENT_DISTANCE for other in rivals):
            chosen.append(index)
        if len(chosen) == MIDDLE_PLACEMENTS:
            break
    return tried[np.array(chosen)]


def _best_placement(queries: Floats, candidates: Floats, tried: Placements) -> Placements:
    """Refine the placements; return the best one, with the candidate that it fits best."""
    pairs = queries[tried.symmetry], candidates[tried.candidate]
    upright = refined_maps(*pairs, tried.maps, 4, upright=True)
    maps = np.concatenate([upright, refined_maps(*pairs, upright, 6, upright=False)])
    symmetries_tried = np.tile(tried.symmetry, 2)
    shares = np.stack(
        [
            explained_variance(queries[symmetry], candidates, map, blurred=False)
            for symmetry, map in zip(symmetries_tried, maps, strict=True)
        ]
    )
    shares *= np.sqrt(overlap_shares(maps))[:, None]
    best, candidate = np.unravel_index(shares.argmax(), shares.shape)
    return Placements(np.array([candidate]), symmetries_tried[[best]], maps[[best]])


def _final_shares(query: Floats, candidates: Floats, best: Placements) -> Floats:
    """Return what each candidate explains. If another candidate now fits best, align once more with that one."""
    (chosen,), maps = best.candidate.tolist(), best.maps
    for _ in range(2):
        maps = refined_maps(query[None], candidates[[chosen]], maps, 3, upright=False)
        (map,) = maps
        explained = explained_variance(query, candidates, map, blurred=True)
        if explained.argmax() == chosen:
            break
        chosen = int(explained.argmax())
    shares: Floats = np.clip(explained, 0, 1) * (overlap_shares(maps) > 0)
    return shares
