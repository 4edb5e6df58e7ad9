"""What is learned from: labelled rows, and augmented views of them that nothing is ever judged on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.learn.logistic import Floats

Doubles = NDArray[np.float64]
Integers = NDArray[np.int64]
BLOCK_ROWS = 1024


@dataclass(frozen=True, slots=True)
class AugmentedViews:
    """`rows`: float32 [M, F], features of changed pictures. `of`: int64 [M], the labelled row that each shows."""

    rows: Floats
    of: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """`rows`: float32 [N, F], the embedding first (`dims` numbers). `wanted`: float32 [N], 1 = delete. `groups`:
    int64 [N], equal for near duplicates. `times`: float64 [N], seconds since the epoch, of the picture or its file.
    `views`: more to learn from, never to be judged on. `named`: the last `dims` numbers are of the file's name.
    """

    rows: Floats
    wanted: Floats
    groups: Integers
    times: Doubles
    dims: int
    views: AugmentedViews | None = None
    named: bool = False


@dataclass(frozen=True, slots=True)
class TrainingData:
    """`rows`: float32 [N, F], of about unit variance. `wanted`: float32 [N], 1 = delete. `views`: scaled as `rows`."""

    rows: Floats
    wanted: Floats
    views: AugmentedViews | None = None

    def where(self, inside: NDArray[np.bool_]) -> tuple[Floats, Floats]:
        """Rows and labels to learn from: those inside (bool [N]), and views of those only."""
        if self.views is None:
            return self.rows[inside], self.wanted[inside]
        shown = inside[self.views.of]
        more = self.views.of[shown]
        rows = np.vstack([self.rows[inside], self.views.rows[shown]])
        return rows, np.concatenate([self.wanted[inside], self.wanted[more]])

    def whole(self) -> tuple[Floats, Floats]:
        """Everything, for the weights that are kept."""
        return self.where(np.ones(len(self.rows), bool))

    def columns(self, first: int) -> "TrainingData":
        """Without the first columns."""
        views = None if self.views is None else AugmentedViews(self.views.rows[:, first:], self.views.of)
        return TrainingData(self.rows[:, first:], self.wanted, views)


def near_duplicate_groups(vectors: Floats, min_cosine: float) -> Integers:
    """Return group ids, int64 [N], of vectors (float32 [N, D], unit length): their connected components.

    Two vectors are connected by a cosine of at least `min_cosine`. Unlike those of `catalog dups`, groups may chain:
    for a train/test split it is worse to separate two copies than to keep two different images together.
    """
    group = np.arange(len(vectors))
    for start in range(0, len(vectors), BLOCK_ROWS):
        block = vectors[start : start + BLOCK_ROWS]
        near = block @ vectors[: start + len(block)].T >= min_cosine
        for row, near_row in enumerate(near, start):
            first, *others = np.unique(np.append(group[: len(near_row)][near_row], group[row]))
            for other in others:
                group[group == other] = first
    return group


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
