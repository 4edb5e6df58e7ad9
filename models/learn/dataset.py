"""Training data: labelled rows, augmented views of them, and splits without leakage.

Near duplicates stay together in a split, and the newest images are never used to predict older ones.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.learn.logistic import Doubles, Floats

Integers = NDArray[np.int64]
Mask = NDArray[np.bool_]
BLOCK_ROWS = 1024


@dataclass(frozen=True, slots=True)
class AugmentedViews:
    """Views of labelled images, for training only. `features`: float32 [M, F]. `sources`: int64 [M], the labelled row
    of each.
    """

    features: Floats
    sources: Integers


@dataclass(frozen=True, slots=True)
class LabelledRows:
    """N labelled images. `features`: float32 [N, F], the embedding first (`dims` columns), and the vector of the file's
    name last if `has_names` (`dims` columns again). `labels`: float32 [N], 1 = delete. `groups`: int64 [N], equal for
    near duplicates. `times`: float64 [N], seconds since the epoch, when the image was taken or its file modified.
    """

    features: Floats
    labels: Floats
    groups: Integers
    times: Doubles
    dims: int
    views: AugmentedViews | None = None
    has_names: bool = False


@dataclass(frozen=True, slots=True)
class TrainingData:
    """Features and views scaled to about unit variance, float32 [N, F], with labels, float32 [N], 1 = delete."""

    features: Floats
    labels: Floats
    views: AugmentedViews | None = None

    def select(self, rows: Mask) -> tuple[Floats, Floats]:
        """Return the features and labels of these rows (bool [N]) and of their views."""
        if self.views is None:
            return self.features[rows], self.labels[rows]
        selected = rows[self.views.sources]
        features = np.vstack([self.features[rows], self.views.features[selected]])
        return features, np.concatenate([self.labels[rows], self.labels[self.views.sources[selected]]])

    def everything(self) -> tuple[Floats, Floats]:
        """Return the features and labels of all rows and views."""
        return self.select(np.ones(len(self.features), bool))

    def without_columns(self, count: int) -> "TrainingData":
        """Return the data without the first `count` columns."""
        views = None if self.views is None else AugmentedViews(self.views.features[:, count:], self.views.sources)
        return TrainingData(self.features[:, count:], self.labels, views)


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


def grouped_folds(groups: Integers, labels: Floats, folds: int, seed: int) -> Integers:
    """Return the fold of each row, int64 [N]. A group is never split, and all folds have about as many deletes.

    Groups are assigned from the largest to the smallest, each to the fold with the fewest rows of the group's majority
    label so far.
    """
    rng = np.random.default_rng(seed)
    _, group_of_row, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    deleted = np.bincount(group_of_row, labels > 0.5)
    order = np.lexsort((rng.permutation(len(sizes)), -sizes))
    load = np.zeros((2, folds))  # rows per fold, of keeps and of deletes
    fold_of_group = np.zeros(len(sizes), np.int64)
    for group in order:
        majority = int(2 * deleted[group] > sizes[group])
        fold = int(np.lexsort((load.sum(0), load[majority]))[0])
        fold_of_group[group] = fold
        load[1, fold] += deleted[group]
        load[0, fold] += sizes[group] - deleted[group]
    return fold_of_group[group_of_row]


def newest_rows(groups: Integers, times: Doubles, share: float) -> Mask:
    """Return a mask, bool [N], of the newest rows, about `share` of all. A group counts as new as its newest row."""
    _, group_of_row = np.unique(groups, return_inverse=True)
    newest = np.full(group_of_row.max() + 1, -np.inf)
    np.maximum.at(newest, group_of_row, times)
    row_times = newest[group_of_row]
    mask: Mask = row_times > np.quantile(row_times, 1 - share)
    return mask
