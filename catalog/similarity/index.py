"""The similarity index: the only place that knows hnswlib, and that keeps to what it can bear.

hnswlib 0.8 allows neither adding nor resizing beside queries (wrong answers, segmentation faults), duplicates a label
that is added over a deleted place, and fails when asked for more neighbours than it can reach. So: one lock around
everything, labels used once, deleted places never refilled, questions cut to what there is.
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
MIN_GROWTH = 4096  # the least growth of the capacity; beyond it grows by a quarter, as doubling would double the memory

UNKNOWN, LIVE, DELETED = 0, 1, 2
States = NDArray[np.uint8]


class VectorIndex:
    """Unit vectors by label, searched by cosine. Any method may be called from any thread.

    Labels are the ids of vector rows: positive, dense, never reused; their states are held in one byte each.
    `threads` bounds what adding may use; a query of few vectors uses one.
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
        """What `save` wrote. The caller has proved the bytes: hnswlib may crash the process over bad ones.

        Raises:
            RuntimeError: hnswlib refuses the file.
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
        self._graph.set_ef(QUERY_EF)  # forgotten by save and load
        self._live = int(np.count_nonzero(self._states == LIVE))
        self._deleted = int(np.count_nonzero(self._states == DELETED))

    def save(self, path: Path) -> tuple[int, States]:
        """Write the graph to `path`. Returns the bytes it must have, and the states (a copy) that belong to it.

        hnswlib tells nothing of a full disk: compare the size. It holds the GIL meanwhile.
        """
        with self._lock.shared():
            self._graph.save_index(str(path))
            return int(self._graph.index_file_size()), self._states.copy()

    @property
    def parameters(self) -> dict[str, int | str]:
        """What the graph was built with."""
        return {"space": "ip", "M": LINKS, "ef_construction": BUILD_EF}

    @property
    def live(self) -> int:
        """Vectors that answer queries."""
        return self._live

    @property
    def deleted(self) -> int:
        """Vectors that are marked as deleted and still take room and time."""
        return self._deleted

    def known(self) -> Integers:
        """Every label ever added, deleted ones too, int64, rising."""
        with self._lock.shared():
            return np.flatnonzero(self._states != UNKNOWN).astype(np.int64)

    def labels(self) -> Integers:
        """The live labels, int64, rising."""
        with self._lock.shared():
            return np.flatnonzero(self._states == LIVE).astype(np.int64)

    def add(self, ids: Integers, vectors: Floats) -> None:
        """Make these labels live: int64 [N], float32 [N, D]. New ones are added, deleted ones
        revived, live ones left."""
        with self._lock.alone():
            self._make_room(ids)
            states = self._states[ids]
            self._revive(ids[states == DELETED])
            _, first = np.unique(ids, return_index=True)
            new = np.sort(first)
            self._insert(ids[new], vectors[new])

    def remove(self, ids: Integers) -> None:
        """Make these labels (int64 [N]) answer no more. Labels that are not live are left as they are."""
        with self._lock.alone():
            self._make_room(ids)
            for label in set(ids[self._states[ids] == LIVE].tolist()):  # np.unique would import all of numpy.ma
                self._graph.mark_deleted(label)
                self._turn(label, DELETED)

    def query(self, vectors: Floats, k: int, ef: int | None = None) -> tuple[Integers, Floats]:
        """The nearest live labels of each vector: float32 [Q, D] → (int64 [Q, m], float32 cosines [Q, m]), best first.

        m = min(k, live). Where the graph reaches fewer, label -1 and cosine -inf fill the row. `ef` is hnswlib's
        breadth of the search; another than the usual keeps other queries out, for hnswlib has one for all.
        """
        if ef is None or ef == QUERY_EF:
            with self._lock.shared():
                return self._reach(vectors, k)
        with self._lock.alone():
            self._graph.set_ef(ef)
            try:
                return self._reach(vectors, k)
            finally:
                self._graph.set_ef(QUERY_EF)

    def _reach(self, vectors: Floats, k: int) -> tuple[Integers, Floats]:
        k = min(k, self._live)
        if k <= 0:
            return np.empty((len(vectors), 0), np.int64), np.empty((len(vectors), 0), np.float32)
        try:
            return self._ask(vectors, k)
        except RuntimeError:  # some vector reaches fewer than k: find which, and how many
            rows = [self._reach_one(vector[None], k) for vector in vectors]
            return np.concatenate([row[0] for row in rows]), np.concatenate([row[1] for row in rows])

    def _reach_one(self, vector: Floats, k: int) -> tuple[Integers, Floats]:
        reach = k
        while reach:
            try:
                ids, cosines = self._ask(vector, reach)
            except RuntimeError:
                reach //= 2
                continue
            blank = ((0, 0), (0, k - reach))
            return np.pad(ids, blank, constant_values=-1), np.pad(cosines, blank, constant_values=-np.inf)
        return np.full((1, k), -1, np.int64), np.full((1, k), -np.inf, np.float32)

    def _ask(self, vectors: Floats, k: int) -> tuple[Integers, Floats]:
        ids, distances = self._graph.knn_query(vectors, k=k)
        return ids.astype(np.int64), cast(Floats, np.minimum(1.0 - distances, 1.0, dtype=np.float32))

    def _insert(self, ids: Integers, vectors: Floats) -> None:
        new = self._states[ids] == UNKNOWN
        if not new.any():
            return
        need = self._graph.element_count + int(new.sum())
        room = self._graph.max_elements
        if need > room:
            self._graph.resize_index(max(need, room + max(MIN_GROWTH, room // 4)))
        self._graph.add_items(vectors[new], ids[new])
        self._states[ids[new]] = LIVE
        self._live += int(new.sum())

    def _revive(self, ids: Integers) -> None:
        for label in set(ids.tolist()):
            self._graph.unmark_deleted(label)
            self._turn(label, LIVE)

    def _turn(self, label: int, state: int) -> None:
        step = 1 if state == LIVE else -1
        self._states[label] = state
        self._live += step
        self._deleted -= step

    def _make_room(self, ids: Integers) -> None:
        need = int(ids.max(initial=0)) + 1
        if need > len(self._states):
            more = max(need - len(self._states), MIN_GROWTH, len(self._states) // 4)
            self._states = np.concatenate([self._states, np.zeros(more, np.uint8)])
