"""Is it the same picture? One is laid upon others and held against them, pixel by pixel.

A vector of a few hundred numbers cannot tell the page of a program from the same page in another language, and need
not: it finds the handful that may be meant. This tells them apart, also after cropping, framing, captions, turning,
mirroring, other brightness, blur and compression.
"""

import numpy as np
from numpy.typing import NDArray

from models.registration.agreement import explained_variance, overlap_shares
from models.registration.coarse import Placements, likely_placements
from models.registration.planes import Floats, brightness, symmetries
from models.registration.refine import refined_maps

SIDE = 128  # of the pictures, squashed to a square
COARSE_SIDE, MIDDLE_SIDE = 32, 64
COARSE_PLACEMENTS, MIDDLE_PLACEMENTS = 24, 4
MIN_PLACEMENT_DISTANCE = 0.04  # of the half side: placements that are nearer to one another are one


def explained_shares(query: NDArray[np.uint8], candidates: NDArray[np.uint8]) -> Floats:
    """The share of the query that each candidate explains, in 0..1: uint8 [SIDE, SIDE, 3], [K, SIDE, SIDE, 3] to [K].

    All candidates are judged under the one placement that suits the best of them: they compete for one query, and
    one that may choose its own crop of it finds an easy one.
    """
    coarse = symmetries(brightness(query, COARSE_SIDE)), brightness(candidates, COARSE_SIDE)
    middle = symmetries(brightness(query, MIDDLE_SIDE)), brightness(candidates, MIDDLE_SIDE)
    finalists = _best_placements(*coarse, likely_placements(*coarse, COARSE_PLACEMENTS))
    best = _best_placement(*middle, finalists)
    fine = symmetries(brightness(query, SIDE))[best.symmetry[0]], brightness(candidates, SIDE)
    return _final_shares(*fine, best)


def _best_placements(queries: Floats, candidates: Floats, tried: Placements) -> Placements:
    """The few best, different ones."""
    pairs = queries[tried.symmetry], candidates[tried.candidate]
    tried = Placements(tried.candidate, tried.symmetry, refined_maps(*pairs, tried.maps, 6, upright=True))
    told = [
        explained_variance(query, one[None], map, blurred=False)[0]
        for query, one, map in zip(*pairs, tried.maps, strict=True)
    ]
    order = np.argsort(-np.array(told) * np.sqrt(overlap_shares(tried.maps)), kind="stable")
    chosen: list[int] = []
    for at in order.tolist():
        same = [one for one in chosen if tried.symmetry[one] == tried.symmetry[at]]
        if all(np.abs(tried.maps[one] - tried.maps[at]).max() > MIN_PLACEMENT_DISTANCE for one in same):
            chosen.append(at)
        if len(chosen) == MIDDLE_PLACEMENTS:
            break
    return tried[np.array(chosen)]


def _best_placement(queries: Floats, candidates: Floats, tried: Placements) -> Placements:
    """The best one, with the candidate that it suits best."""
    pairs = queries[tried.symmetry], candidates[tried.candidate]
    upright = refined_maps(*pairs, tried.maps, 4, upright=True)
    maps = np.concatenate([upright, refined_maps(*pairs, upright, 6, upright=False)])
    symmetry = np.tile(tried.symmetry, 2)
    told = np.stack(
        [
            explained_variance(queries[one], candidates, map, blurred=False)
            for one, map in zip(symmetry, maps, strict=True)
        ]
    )
    told *= np.sqrt(overlap_shares(maps))[:, None]
    best, candidate = np.unravel_index(told.argmax(), told.shape)
    return Placements(np.array([candidate]), symmetry[[best]], maps[[best]])


def _final_shares(query: Floats, candidates: Floats, best: Placements) -> Floats:
    """What each candidate explains; aligned anew, once, where another one than thought fits best."""
    chosen, maps = int(best.candidate[0]), best.maps
    for _ in range(2):
        maps = refined_maps(query[None], candidates[[chosen]], maps, 3, upright=False)
        told = explained_variance(query, candidates, maps[0], blurred=True)
        if told.argmax() == chosen:
            break
        chosen = int(told.argmax())
    shares: Floats = np.clip(told, 0, 1) * (overlap_shares(maps)[0] > 0)
    return shares
