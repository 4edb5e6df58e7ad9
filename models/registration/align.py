"""Is it the same picture? One is laid upon others and held against them, pixel by pixel.

A vector of a few hundred numbers cannot tell the page of a program from the same page in another language, and need
not: it finds the handful that may be meant. This tells them apart, also after cropping, framing, captions, turning,
mirroring, other brightness, blur and compression.
"""

import numpy as np
from numpy.typing import NDArray

from models.registration.agreement import covered, explained
from models.registration.coarse import Placements, placements
from models.registration.planes import Floats, brightness, symmetries
from models.registration.refine import aligned

SIDE = 128  # of the pictures, squashed to a square
COARSE, MIDDLE = 32, 64
KEEP, FINALISTS = 24, 4
APART = 0.04  # of the half side: placements that are nearer to one another are one


def register(query: NDArray[np.uint8], candidates: NDArray[np.uint8]) -> Floats:
    """The share of the query that each candidate explains, in 0..1: uint8 [SIDE, SIDE, 3], [K, SIDE, SIDE, 3] to [K].

    All candidates are judged under the one placement that suits the best of them: they compete for one query, and
    one that may choose its own crop of it finds an easy one.
    """
    coarse = symmetries(brightness(query, COARSE)), brightness(candidates, COARSE)
    middle = symmetries(brightness(query, MIDDLE)), brightness(candidates, MIDDLE)
    finalists = _finalists(*coarse, placements(*coarse, KEEP))
    best = _champion(*middle, finalists)
    fine = symmetries(brightness(query, SIDE))[best.symmetry[0]], brightness(candidates, SIDE)
    return _judged(*fine, best)


def _finalists(queries: Floats, candidates: Floats, tried: Placements) -> Placements:
    """The few best, different ones."""
    pairs = queries[tried.symmetry], candidates[tried.candidate]
    tried = Placements(tried.candidate, tried.symmetry, aligned(*pairs, tried.maps, 6, upright=True))
    told = [
        explained(query, one[None], map, blurred=False)[0] for query, one, map in zip(*pairs, tried.maps, strict=True)
    ]
    order = np.argsort(-np.array(told) * np.sqrt(covered(tried.maps)), kind="stable")
    chosen: list[int] = []
    for at in order.tolist():
        same = [one for one in chosen if tried.symmetry[one] == tried.symmetry[at]]
        if all(np.abs(tried.maps[one] - tried.maps[at]).max() > APART for one in same):
            chosen.append(at)
        if len(chosen) == FINALISTS:
            break
    return tried[np.array(chosen)]


def _champion(queries: Floats, candidates: Floats, tried: Placements) -> Placements:
    """The best one, with the candidate that it suits best."""
    pairs = queries[tried.symmetry], candidates[tried.candidate]
    upright = aligned(*pairs, tried.maps, 4, upright=True)
    maps = np.concatenate([upright, aligned(*pairs, upright, 6, upright=False)])
    symmetry = np.tile(tried.symmetry, 2)
    told = np.stack(
        [explained(queries[one], candidates, map, blurred=False) for one, map in zip(symmetry, maps, strict=True)]
    )
    told *= np.sqrt(covered(maps))[:, None]
    best, candidate = np.unravel_index(told.argmax(), told.shape)
    return Placements(np.array([candidate]), symmetry[[best]], maps[[best]])


def _judged(query: Floats, candidates: Floats, best: Placements) -> Floats:
    """What each candidate explains; aligned anew, once, where another one than thought fits best."""
    chosen, maps = int(best.candidate[0]), best.maps
    for _ in range(2):
        maps = aligned(query[None], candidates[[chosen]], maps, 3, upright=False)
        told = explained(query, candidates, maps[0], blurred=True)
        if told.argmax() == chosen:
            break
        chosen = int(told.argmax())
    shares: Floats = np.clip(told, 0, 1) * (covered(maps)[0] > 0)
    return shares
