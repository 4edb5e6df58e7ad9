"""The similarity index: hnswlib behind a lock, used within its limits.

When vectors are added or the graph is resized during a query, hnswlib 0.8 returns wrong answers or crashes the
process. It duplicates a label that is added over a deleted slot, and it fails when asked for more neighbours than it
can reach. So one lock guards every call, each id is added once, deleted slots are never reused, and a query asks for
at most as many neighbours as there are.
"""

from pathlib import Path
from typing import cast

import hnswlib
import numpy as np
from numpy.typing import NDArray

from catalog.similarity.rwlock import ReadersWriterLock
from catalog.store.vectors import Floats, Integers

LINKS = 16  # hnswlib's M
BUILD_EF = 200
QUERY_EF = 100
SEED = 100
MIN_GROWTH = 4096  # elements; a larger index grows by a quarter, because doubling would double the memory

UNKNOWN, LIVE, DELETED = 0, 1, 2
States = NDArray[np.uint8]


class VectorIndex:
    """Unit vectors by id, searched by cosine. Every method may be called from any thread.

    Ids are those of vector rows: positive, dense, never reused. The index holds one byte of state per id.
    `threads` limits the threads that `add` uses; a query of a few vectors uses one. `live_count`: vectors that queries
    can return; `deleted_count`: vectors that are marked as deleted and still cost memory and time.
    """

    def __init__(self, dims: int, threads: int = 1) -> None:
        self.dims = dims
        self._threads = threads
        self._lock = ReadersWriterLock()
        self._states: States = np.zeros(MIN_GROWTH, np.uint8)
        self._graph = hnswlib.Index(space="ip", dim=dims)
        self._graph.init_index(MIN_GROWTH, M=LINKS, ef_construction=BUILD_EF, random_seed=SEED)
        self._prepare()

    @classmethod
    def load(cls, path: Path, states: States, dims: int, threads: int = 1) -> "VectorIndex":
        """Return the index that `save` wrote. The caller has verified the file: a damaged one may crash hnswlib.

        Raises RuntimeError if hnswlib rejects the file.
        """
        self = cls.__new__(cls)
        self.dims, self._threads, self._lock = dims, threads, ReadersWriterLock()
        self._states = states.copy()
        self._graph = hnswlib.Index(space="ip", dim=dims)
        self._graph.load_index(str(path), max_elements=0)
        self._prepare()
        return self

    def _prepare(self) -> None:
        self._graph.set_num_threads(self._threads)
        self._graph.set_ef(QUERY_EF)  # hnswlib does not save it
        self.live_count = int(np.count_nonzero(self._states == LIVE))
        self.deleted_count = int(np.count_nonzero(self._states == DELETED))

    def save(self, path: Path) -> tuple[int, States]:
        """Write the graph to `path`; return the expected file size in bytes, and a copy of the matching states.

        hnswlib does not report a full disk, so the caller compares the size. It holds the GIL while it writes.
        """
        with self._lock.shared():
            self._graph.save_index(str(path))
            return int(self._graph.index_file_size()), self._states.copy()

    @property
    def parameters(self) -> dict[str, int | str]:
        """The parameters that the graph was built with."""
        return {"space": "ip", "M": LINKS, "ef_construction": BUILD_EF}

    def live_ids(self) -> Integers:
        """Return the ids of live vectors, int64, ascending."""
        with self._lock.shared():
            return np.flatnonzero(self._states == LIVE).astype(np.int64)

    def add(self, ids: Integers, vectors: Floats) -> None:
        """Make these ids live: int64 [N], float32 [N, D]. Insert new ones, revive deleted ones, ignore live ones."""
        with self._lock.exclusive():
            self._grow_states(ids)
            states = self._states[ids]
            self._revive(ids[states == DELETED])
            _, first = np.unique(ids, return_index=True)
            new = np.sort(first)
            self._insert(ids[new], vectors[new])

    def remove(self, ids: Integers) -> None:
        """Mark these ids (int64 [N]) as deleted. Ignore ids that are not live."""
        with self._lock.exclusive():
            self._grow_states(ids)
            for id in set(ids[self._states[ids] == LIVE].tolist()):  # np.unique would import all of numpy.ma
                self._graph.mark_deleted(id)
                self._set_state(id, DELETED)

    def query(self, vectors: Floats, k: int, ef: int | None = None) -> tuple[Integers, Floats]:
        """Return the nearest live ids of each vector: float32 [Q, D] → (int64 [Q, m], float32 cosines [Q, m]).

        Best first; m = min(k, live_count). Where the graph reaches fewer, id -1 and cosine -inf fill the row.
        `ef` is hnswlib's search breadth. hnswlib has one value for all threads, so a query with another value than
        the default blocks the other queries.
        """
        if ef is None or ef == QUERY_EF:
            with self._lock.shared():
                return self._nearest(vectors, k)
        with self._lock.exclusive():
            self._graph.set_ef(ef)
            try:
                return self._nearest(vectors, k)
            finally:
                self._graph.set_ef(QUERY_EF)

    def _nearest(self, vectors: Floats, k: int) -> tuple[Integers, Floats]:
        k = min(k, self.live_count)
        if k <= 0:
            return np.empty((len(vectors), 0), np.int64), np.empty((len(vectors), 0), np.float32)
        try:
            return self._knn_query(vectors, k)
        except RuntimeError:  # some vector reaches fewer than k: find out which, and how many
            ids, cosines = zip(*(self._nearest_reachable(vector[None], k) for vector in vectors), strict=True)
            return np.concatenate(ids), np.concatenate(cosines)

    def _nearest_reachable(self, vector: Floats, k: int) -> tuple[Integers, Floats]:
        reach = k
        while reach:
            try:
                ids, cosines = self._knn_query(vector, reach)
            except RuntimeError:
                reach //= 2
                continue
            padding = ((0, 0), (0, k - reach))
            return np.pad(ids, padding, constant_values=-1), np.pad(cosines, padding, constant_values=-np.inf)
        return np.full((1, k), -1, np.int64), np.full((1, k), -np.inf, np.float32)

    def _knn_query(self, vectors: Floats, k: int) -> tuple[Integers, Floats]:
        ids, distances = self._graph.knn_query(vectors, k=k)
        return ids.astype(np.int64), cast(Floats, np.minimum(1.0 - distances, 1.0, dtype=np.float32))

    def _insert(self, ids: Integers, vectors: Floats) -> None:
        new = self._states[ids] == UNKNOWN
        if not new.any():
            return
        needed = self._graph.element_count + int(new.sum())
        capacity = self._graph.max_elements
        if needed > capacity:
            self._graph.resize_index(max(needed, capacity + max(MIN_GROWTH, capacity // 4)))
        self._graph.add_items(vectors[new], ids[new])
        self._states[ids[new]] = LIVE
        self.live_count += int(new.sum())

    def _revive(self, ids: Integers) -> None:
        for id in set(ids.tolist()):
            self._graph.unmark_deleted(id)
            self._set_state(id, LIVE)

    def _set_state(self, id: int, state: int) -> None:
        step = 1 if state == LIVE else -1
        self._states[id] = state
        self.live_count += step
        self.deleted_count -= step

    def _grow_states(self, ids: Integers) -> None:
        needed = int(ids.max(initial=0)) + 1
        if needed > len(self._states):
            growth = max(needed - len(self._states), MIN_GROWTH, len(self._states) // 4)
            self._states = np.concatenate([self._states, np.zeros(growth, np.uint8)])
