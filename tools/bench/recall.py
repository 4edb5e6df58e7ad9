"""recall@1, the share of queries whose nearest entry is their original, for `tools.bench.model`."""

import numpy as np
from numpy.typing import NDArray

from catalog.similarity.rerank import SAME_IMAGE_SHARE, rerank_depth
from models.registration.align import explained_shares

TWIN_LEVELS = 4.0  # levels of 255, root mean square at the model's size: about what JPEG quality 50 changes there
Vectors = NDArray[np.float32]
Codes = NDArray[np.bool_]
_originals: NDArray[np.uint8]


def share_originals(originals: NDArray[np.uint8]) -> None:
    """Keep the originals, uint8 [entries, S, S, 3], for `recall_of_similar` in this process."""
    global _originals
    _originals = originals


def recall_of_similar(right: int, query: NDArray[np.uint8], cosines: Vectors) -> float:
    """Return recall@1 of one query with the reranking of catalog.similarity.rerank.

    `right`: index of the original; `cosines`: to each entry, float32 [entries]. Entries that tie share the hit.
    """
    order = np.argsort(-cosines, kind="stable")
    count = rerank_depth(cosines[order].tolist())
    if count:
        shares = explained_shares(query, _originals[order[:count]])
        if shares.max() >= SAME_IMAGE_SHARE:
            best = order[:count][shares == shares.max()]
            return float(right in best) / len(best)
    tied = int((cosines == cosines[right]).sum())
    return 0.0 if tied == 0 or (cosines > cosines[right]).any() else 1 / tied


def recalls(alike: Vectors) -> NDArray[np.float64]:
    """Return recall@1 of each query from similarities [queries, entries], with the originals on the diagonal."""
    right = np.diag(alike)[:, None]
    ahead, tied = (alike > right).sum(1), (alike == right).sum(1)
    # NaN equals nothing, not even itself: no hit.
    hits: NDArray[np.float64] = ((ahead == 0) & (tied > 0)) / np.maximum(tied, 1)
    return hits


def mean_recall(alike: Vectors) -> float:
    """Return the mean of `recalls`."""
    return float(np.mean(recalls(alike)))


def find_twins(originals: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which originals [n, S, S, 3] differ by less than TWIN_LEVELS: bool [n, n]."""
    flat = originals.reshape(len(originals), -1).astype(np.float32)
    squares = (flat**2).sum(1)
    squared_error = np.maximum(squares[:, None] + squares - 2 * flat @ flat.T, 0) / flat.shape[1]
    alike: NDArray[np.bool_] = np.sqrt(squared_error) < TWIN_LEVELS
    np.fill_diagonal(alike, True)
    return alike


def mean_twin_recall(alike: Vectors, same: NDArray[np.bool_]) -> float:
    """Return the share of queries whose nearest entry is their original or a twin of it."""
    own, other = np.where(same, alike, -np.inf).max(1), np.where(same, -np.inf, alike).max(1)
    return float(np.mean(own > other))


def code_similarity(queries: Codes, entries: Codes) -> Vectors:
    """Return a similarity that falls with the Hamming distance: float32 [queries, entries]."""
    signs, others = queries.astype(np.float32) * 2 - 1, entries.astype(np.float32) * 2 - 1
    similarity: Vectors = np.rint(signs @ others.T)
    return similarity
