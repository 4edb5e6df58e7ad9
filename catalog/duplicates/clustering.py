"""Groups of near vectors without chains: every member is near the group's centre.

Centres are taken in the order of preference; a centre takes all that is near it and not yet taken. Connected
components would chain a slow pan across a landscape into one group of pictures that have nothing in common, and
complete linkage depends on the order of its merges. Here the centre is also the copy to keep, so each member is
proved near to the very thing that replaces it, and no order but the preference decides.

Which of some contents are near copies of one another: groups that must not be torn apart between train and test.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from catalog.store.vectors import Floats, Integers

CHAIN_BLOCK_ROWS = 1024


def near_duplicate_groups(vectors: Floats, least: float) -> Integers:
    """int64 [N]: equal for vectors (float32 [N, D], unit length) that a chain of cosines of at least `least` connects.

    Chains, unlike the groups of `dups`: here it is worse to part two copies than to keep two strangers together.
    """
    root = np.arange(len(vectors))
    for start in range(0, len(vectors), CHAIN_BLOCK_ROWS):
        block = vectors[start : start + CHAIN_BLOCK_ROWS]
        near = block @ vectors[: start + len(block)].T >= least
        for row, alike in enumerate(near, start):
            met = np.unique(np.append(root[: len(alike)][alike], root[row]))
            for other in met[1:]:
                root[root == other] = met[0]
    return root


BLOCK_ROWS = 512  # rows of a block of cosines: 60 MB against 30,000 vectors


class StarCluster(NamedTuple):
    """A centre, its members (itself not among them), and the least cosine between it and them."""

    centre: int
    members: list[int]
    cosine: float


class NearPairs(NamedTuple):
    """Near pairs, each in both directions, sorted by `left`: int64 [P], int64 [P], float32 [P]."""

    left: Integers
    right: Integers
    cosines: Floats


def clusters_of_vectors(vectors: Floats, threshold: float) -> Iterator[StarCluster]:
    """Stars among float32 [N, D] unit vectors that lie in the order of preference, by exact products in blocks."""
    taken = np.zeros(len(vectors), np.bool_)
    start = 0
    while start < len(vectors):
        rows = start + np.flatnonzero(~taken[start:])[:BLOCK_ROWS]
        cosines = np.minimum(vectors[rows] @ vectors[start:].T, 1.0)
        for row, line in zip(rows.tolist(), cosines, strict=True):
            if taken[row]:
                continue
            taken[row] = True
            members = np.flatnonzero((line >= threshold) & ~taken[start:])
            if len(members):
                taken[start + members] = True
                yield StarCluster(row, (start + members).tolist(), float(line[members].min()))
        start = int(rows[-1]) + 1 if len(rows) else len(vectors)


def symmetric_pairs(left: list[Integers], right: list[Integers], cosines: list[Floats]) -> NearPairs:
    """Pairs found from either side → each once in both directions, by `left`, then `right`."""
    ends = np.concatenate([np.empty(0, np.int64), *left]), np.concatenate([np.empty(0, np.int64), *right])
    both = np.stack([np.concatenate(ends), np.concatenate(ends[::-1])])
    found = np.concatenate([np.empty(0, np.float32), *cosines])
    once, first = np.unique(both, axis=1, return_index=True)
    return NearPairs(once[0], once[1], np.concatenate([found, found])[first])


def clusters_of_pairs(
    pairs: NearPairs, order: Integers, widen: Callable[[int], dict[int, float]]
) -> Iterator[StarCluster]:
    """Stars among the ends of the pairs; `order` (int64) names those ends by falling preference.

    `widen` gives all that is near a centre (end → cosine) where the pairs may hold only a part of it.
    """
    taken: set[int] = set()
    starts = np.searchsorted(pairs.left, order, "left").tolist()
    ends = np.searchsorted(pairs.left, order, "right").tolist()
    for centre, start, end in zip(order.tolist(), starts, ends, strict=True):
        if centre in taken:
            continue
        near = dict(zip(pairs.right[start:end].tolist(), pairs.cosines[start:end].tolist(), strict=True))
        members = {other: cosine for other, cosine in (near | widen(centre)).items() if other not in taken}
        taken.update((centre, *members))
        if members:
            yield StarCluster(centre, sorted(members), min(members.values()))
