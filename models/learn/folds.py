"""Splits that do not leak: near duplicates stay together, and the future is not used to tell the past."""

import numpy as np
from numpy.typing import NDArray

Integers = NDArray[np.int64]


def grouped_folds(groups: Integers, wanted: NDArray[np.float32], folds: int, seed: int) -> Integers:
    """int64 [N]: the fold of each row; rows of one group share it. Each fold has about as many deleted ones as another.

    Groups are dealt out from the largest down, each to the fold that has the fewest rows of the group's kind so far.
    """
    dice = np.random.default_rng(seed)
    _, members, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    deleted = np.bincount(members, wanted > 0.5)
    order = np.lexsort((dice.permutation(len(sizes)), -sizes))
    load = np.zeros((2, folds))
    placed = np.zeros(len(sizes), np.int64)
    for group in order:
        kind = int(2 * deleted[group] > sizes[group])
        fold = int(np.lexsort((load.sum(0), load[kind]))[0])
        placed[group] = fold
        load[1, fold] += deleted[group]
        load[0, fold] += sizes[group] - deleted[group]
    return placed[members]


def newest_rows(groups: Integers, times: NDArray[np.float64], share: float) -> NDArray[np.bool_]:
    """bool [N]: the newest rows, about `share` of all; a group goes as a whole to where its newest row is."""
    _, members = np.unique(groups, return_inverse=True)
    newest = np.full(members.max() + 1, -np.inf)
    np.maximum.at(newest, members, times)
    rows = newest[members]
    late: NDArray[np.bool_] = rows > np.quantile(rows, 1 - share)
    return late
