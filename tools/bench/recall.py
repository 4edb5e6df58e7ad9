"""recall@1: how often the entry nearest to a query is its original. For `tools.bench.model`."""

import numpy as np
from numpy.typing import NDArray

from catalog.similarity.rerank import SAME_IMAGE_SHARE, rerank_depth
from models.registration.align import explained_shares

TWIN_LEVELS = 4.0  # levels of 255, root mean square at the model's size: about what JPEG quality 50 changes there
Vectors = NDArray[np.float32]
Codes = NDArray[np.bool_]
_originals: NDArray[np.uint8]


def share_originals(originals: NDArray[np.uint8]) -> None:
    """Give this process the pictures, uint8 [entries, S, S, 3], that `similar_hit` is about."""
    global _originals
    _originals = originals


def recall_of_similar(right: int, query: NDArray[np.uint8], alike: Vectors) -> float:
    """recall@1 of one query by the rule of catalog.similarity.rerank, from its likeness to each entry, float32
    [entries].
    """
    order = np.argsort(-alike, kind="stable")
    count = rerank_depth(alike[order].tolist())
    if count:
        told = explained_shares(query, _originals[order[:count]])
        if told.max() >= SAME_IMAGE_SHARE:
            best = order[:count][told == told.max()]
            return float(right in best) / len(best)
    level = int((alike == alike[right]).sum())
    return 0.0 if level == 0 or (alike > alike[right]).any() else 1 / level


def recalls(alike: Vectors) -> NDArray[np.float64]:
    """recall@1 of each query of a square [queries, entries] of similarities; the right answers are on the diagonal."""
    right = np.diag(alike)[:, None]
    ahead, level = (alike > right).sum(1), (alike == right).sum(1)
    # A vector that is no number equals nothing, itself included: no hit.
    hits: NDArray[np.float64] = ((ahead == 0) & (level > 0)) / np.maximum(level, 1)
    return hits


def mean_recall(alike: Vectors) -> float:
    """The mean of `hits_first`."""
    return float(np.mean(recalls(alike)))


def find_twins(originals: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which originals [n, S, S, 3] are the same picture but for less than `TWINS`: bool [n, n]."""
    flat = originals.reshape(len(originals), -1).astype(np.float32)
    squares = (flat**2).sum(1)
    apart = np.maximum(squares[:, None] + squares - 2 * flat @ flat.T, 0) / flat.shape[1]
    alike: NDArray[np.bool_] = np.sqrt(apart) < TWIN_LEVELS
    np.fill_diagonal(alike, True)
    return alike


def mean_twin_recall(alike: Vectors, same: NDArray[np.bool_]) -> float:
    """The share of queries whose nearest entry is their original or a twin of it."""
    own, other = np.where(same, alike, -np.inf).max(1), np.where(same, -np.inf, alike).max(1)
    return float(np.mean(own > other))


def code_likeness(queries: Codes, entries: Codes) -> Vectors:
    """Minus the Hamming distances: float32 [queries, entries]."""
    signs, others = queries.astype(np.float32) * 2 - 1, entries.astype(np.float32) * 2 - 1
    likeness: Vectors = np.rint(signs @ others.T)
    return likeness
