"""Near pairs of a large catalog: asked of the index, where all products would take days."""

from pathlib import Path

import numpy as np

from catalog.duplicates.clustering import NearPairs, symmetric_pairs
from catalog.similarity.index import VectorIndex
from catalog.similarity.index_replay import advance, open_index
from catalog.store.database import Database
from catalog.store.vectors import Floats, Integers, live_vector_blocks, unpack_vectors

NEIGHBOURS_PER_VECTOR = 16
MAX_NEIGHBOURS = 65536  # copies of one picture; beyond it the rest forms further groups
CHANGES_PER_STEP = 8192
CHUNK_VECTORS = 500


class NearPairFinder:
    """Near pairs of live vectors by vector id, as far as the index finds them: a pair is missed only from both ends.

    The cosines need no second look: the index holds the stored vectors as they are and takes their products in full.
    """

    def __init__(self, database: Database, model: int, index: VectorIndex, threshold: float) -> None:
        self._database, self._model, self._index, self._threshold = database, model, index, threshold
        self._crowded: set[int] = set()

    def pairs(self) -> NearPairs:
        """All near pairs among the sixteen nearest of each vector."""
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
                self._crowded.update(ids[cosine[:, -1] >= self._threshold].tolist())
        return symmetric_pairs(lefts, rights, cosines)

    def widen(self, id: int) -> dict[int, float]:
        """All that is near this vector, where sixteen were not enough to tell; else nothing."""
        if id not in self._crowded:
            return {}
        data = self._database.value("SELECT data FROM vector WHERE id = ?", id)
        vector = unpack_vectors([data], self._index.dims)
        k = NEIGHBOURS_PER_VECTOR
        while True:
            k *= 4
            found, cosines = self._index.query(vector, k)
            if found.shape[1] < k or cosines[0, -1] < self._threshold or k >= MAX_NEIGHBOURS:
                break
        near = (cosines[0] >= self._threshold) & (found[0] != id)
        return dict(zip(found[0, near].tolist(), cosines[0, near].tolist(), strict=True))

    def contents(self, ids: Integers) -> Integers:
        """The content of each vector id, int64 [N] → int64 [N]."""
        found: dict[int, int] = {}
        for start in range(0, len(ids), CHUNK_VECTORS):
            chunk = ids[start : start + CHUNK_VECTORS].tolist()
            marks = ",".join("?" * len(chunk))
            found.update(self._database.rows(f"SELECT id, content FROM vector WHERE id IN ({marks})", *chunk))
        return np.array([found[id] for id in ids.tolist()], np.int64)


def load_current_index(database: Database, folder: Path, model: int, digest: str, dims: int) -> VectorIndex:
    """The saved index with the change log applied, in memory; nothing is written.

    By one thread, as the service builds it: hnswlib's threads race, and of 150 equal vectors that two of them added on
    a busy machine it found 101. So the same question has the same answer.
    """
    index, seq, _, _ = open_index(database, folder, model, digest, dims)
    applied = 1
    while applied:
        seq, applied = advance(index, database, model, seq, CHANGES_PER_STEP)
    return index
