"""Cluster near vectors for `catalog dups`, into stars: every member is near the centre.

Vectors become centres in order of preference, and a centre takes all near vectors that are not yet taken. Connected
components would chain a slow pan across a landscape into one group of images that have nothing in common, and complete
linkage depends on the order of its merges. The centre of a star is the copy to keep, so every member is near the copy
that replaces it, and the result depends on the preference alone.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np

from catalog.store.vectors import Floats, Integers

BLOCK_ROWS = 512  # rows per block of cosines: 60 MB for 30,000 vectors


class StarCluster(NamedTuple):
    """A centre, its other members, and the lowest cosine between the centre and a member."""

    centre: int
    members: list[int]
    min_cosine: float


class NearPairs(NamedTuple):
    """Near pairs, each in both directions, sorted by `left`, then `right`: int64 [P], int64 [P], float32 [P]."""

    left: Integers
    right: Integers
    cosines: Floats


def clusters_of_vectors(vectors: Floats, threshold: float) -> Iterator[StarCluster]:
    """Yield the star clusters of float32 [N, D] unit vectors in order of preference, by exact products in blocks."""
    taken = np.zeros(len(vectors), np.bool_)
    start = 0
    while start < len(vectors):
        rows = start + np.flatnonzero(~taken[start:])[:BLOCK_ROWS]
        cosines = np.minimum(vectors[rows] @ vectors[start:].T, 1.0)
        for row, row_cosines in zip(rows.tolist(), cosines, strict=True):
            if taken[row]:
                continue
            taken[row] = True
            members = np.flatnonzero((row_cosines >= threshold) & ~taken[start:])
            if len(members):
                taken[start + members] = True
                yield StarCluster(row, (start + members).tolist(), float(row_cosines[members].min()))
        start = int(rows.max()) + 1 if len(rows) else len(vectors)


def symmetric_pairs(left: list[Integers], right: list[Integers], cosines: list[Floats]) -> NearPairs:
    """Return pairs, found from one end or from both, once in each direction."""
    ends = np.concatenate([np.empty(0, np.int64), *left]), np.concatenate([np.empty(0, np.int64), *right])
    directed = np.stack([np.concatenate(ends), np.concatenate(ends[::-1])])
    found = np.concatenate([np.empty(0, np.float32), *cosines])
    (unique_left, unique_right), first = np.unique(directed, axis=1, return_index=True)
    return NearPairs(unique_left, unique_right, np.concatenate([found, found])[first])


def clusters_of_pairs(
    pairs: NearPairs, order: Integers, more_neighbours: Callable[[int], dict[int, float]]
) -> Iterator[StarCluster]:
    """Yield the star clusters of the vectors in the pairs. `order`: int64, their ids by falling preference.

    `more_neighbours` returns all neighbours of a centre (id → cosine) if the pairs may be incomplete, else none.
    """
    taken: set[int] = set()
    starts = np.searchsorted(pairs.left, order, "left").tolist()
    ends = np.searchsorted(pairs.left, order, "right").tolist()
    for centre, start, end in zip(order.tolist(), starts, ends, strict=True):
        if centre in taken:
            continue
        near = dict(zip(pairs.right[start:end].tolist(), pairs.cosines[start:end].tolist(), strict=True))
        members = {other: cosine for other, cosine in (near | more_neighbours(centre)).items() if other not in taken}
        taken.update((centre, *members))
        if members:
            yield StarCluster(centre, sorted(members), min(members.values()))
