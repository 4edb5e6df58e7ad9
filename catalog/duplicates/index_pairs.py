"""Find the near pairs of a large catalog with the index, as computing all cosines would take days."""

from pathlib import Path

import numpy as np

from catalog.duplicates.clustering import NearPairs, symmetric_pairs
from catalog.similarity.index import VectorIndex
from catalog.similarity.index_replay import advance, open_index
from catalog.store.database import Database
from catalog.store.vectors import Floats, Integers, live_vector_blocks, unpack_vectors

NEIGHBOURS_PER_VECTOR = 16
MAX_NEIGHBOURS = 65536  # near copies of one image in a group; the others form further groups
CHANGES_PER_STEP = 8192


class NearPairFinder:
    """Finds near pairs of live vectors with the index. A pair is missed only if neither end finds the other.

    The cosines are exact: the index holds the stored vectors unchanged and computes full products.
    """

    def __init__(self, database: Database, model: int, index: VectorIndex, threshold: float) -> None:
        self._database, self._model, self._index, self._threshold = database, model, index, threshold
        self._truncated: set[int] = set()

    def pairs(self) -> NearPairs:
        """Return the near pairs, by vector id, among the sixteen nearest neighbours of each vector."""
        lefts: list[Integers] = []
        rights: list[Integers] = []
        cosines: list[Floats] = []
        for ids, _, vectors in live_vector_blocks(self._database, self._model, self._index.dims):
            found, cosine = self._index.query(vectors, NEIGHBOURS_PER_VECTOR)
            near = (cosine >= self._threshold) & (found != ids[:, None])
            rows, columns = np.nonzero(near)
            lefts.append(ids[rows])
            rights.append(found[rows, columns])
            cosines.append(cosine[rows, columns])
            if found.shape[1] == NEIGHBOURS_PER_VECTOR:
                self._truncated.update(ids[cosine[:, -1] >= self._threshold].tolist())
        return symmetric_pairs(lefts, rights, cosines)

    def more_neighbours(self, id: int) -> dict[int, float]:
        """Return all near neighbours (id → cosine) of this vector if it has more than sixteen, else none."""
        if id not in self._truncated:
            return {}
        data = self._database.value("SELECT data FROM vector WHERE id = ?", id)
        vector = unpack_vectors([data], self._index.dims)
        k = NEIGHBOURS_PER_VECTOR
        while True:
            k *= 4
            (found,), (cosines,) = self._index.query(vector, k)
            if len(found) < k or cosines[-1] < self._threshold or k >= MAX_NEIGHBOURS:
                break
        near = (cosines >= self._threshold) & (found != id)
        return dict(zip(found[near].tolist(), cosines[near].tolist(), strict=True))

    def contents(self, ids: Integers) -> Integers:
        """Return the content of each vector id: int64 [N] → int64 [N]."""
        found: dict[int, int] = dict(
            self._database.rows_in("SELECT id, content FROM vector WHERE id IN ({marks})", ids.tolist())
        )
        return np.array([found[id] for id in ids.tolist()], np.int64)


def load_current_index(database: Database, folder: Path, model: int, digest: str, dims: int) -> VectorIndex:
    """Return the saved index with the change log applied. It is changed in memory only.

    It is built by one thread, as in the service, so that results are reproducible: hnswlib's threads race, and of 150
    equal vectors that two threads added on a busy machine it found 101.
    """
    index, seq, _, _ = open_index(database, folder, model, digest, dims)
    applied = 1
    while applied:
        seq, applied = advance(index, database, model, seq, CHANGES_PER_STEP)
    return index
