"""Which of some contents are near copies of one another: groups that must not be torn apart between train and test."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
BLOCK = 1024


def groups(vectors: Floats, least: float) -> Integers:
    """int64 [N]: equal for vectors (float32 [N, D], unit length) that a chain of cosines of at least `least` connects.

    Chains, unlike the groups of `dups`: here it is worse to part two copies than to keep two strangers together.
    """
    root = np.arange(len(vectors))
    for start in range(0, len(vectors), BLOCK):
        block = vectors[start : start + BLOCK]
        near = block @ vectors[: start + len(block)].T >= least
        for row, alike in enumerate(near, start):
            met = np.unique(np.append(root[: len(alike)][alike], root[row]))
            for other in met[1:]:
                root[root == other] = met[0]
    return root
