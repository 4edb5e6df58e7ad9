"""The index follower: apply the change log to the index, save snapshots, rebuild.

The index is a cache: after a kill at any point it catches up or is rebuilt.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from catalog.crash_points import crash_point
from catalog.errors import CatalogError, StoreError
from catalog.similarity import index_tail
from catalog.similarity.index import VectorIndex
from catalog.similarity.index_file import save_snapshot
from catalog.similarity.index_replay import advance, open_index
from catalog.similarity.index_tail import IndexAnswer
from catalog.store.change_log import current_timeline
from catalog.store.database import Database, Row
from catalog.store.vectors import Floats

STEP_ROWS = 64  # changes per step: an add takes about 0.5 ms, and queries wait while a step's rows are added
SAVE_SHARE = 0.10
SAVE_QUIET_SECONDS = 300.0
SAVE_INTERVAL_SECONDS = 60.0
REBUILD_SHARE = 0.30
IDLE_SECONDS = 1.0
SPARE_HITS = 8  # requested beyond k, since rows that changed after the last step are dropped


class IndexFollower:
    """The index of one model. `step`, `save` and `run` belong to one thread; all else may be called from any.

    `note`: the last problem, or why the index was rebuilt, or None.
    """

    def __init__(
        self,
        catalog_path: Path,
        state: Path,
        model: int,
        digest: str,
        dims: int,
        *,
        threads: int = 1,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._catalog_path, self._state = catalog_path, state
        self._model, self._digest, self._dims = model, digest, dims
        self._threads, self._clock = threads, clock
        self._query_lock = threading.Lock()
        self._query_database: Database | None = None
        self._current = VectorIndex(dims, threads)
        self._seq = 0
        self._next: VectorIndex | None = None  # the rebuilt index, while it catches up
        self._next_seq = 0
        self._unsaved = 0
        self._changed_at = self._next_save_at = clock()
        self._failed_action: Callable[[], int | None] | None = None
        self.note: str | None = None

    def start(self) -> None:
        """Open the catalog and load the snapshot; `note`: why the index is rebuilt instead. Raises StoreError."""
        self._log = Database(self._catalog_path, write=False)
        opened = open_index(self._log, self._state, self._model, self._digest, self._dims, self._threads)
        self._current, self._seq = opened.vector_index, opened.seq
        if opened.reason:
            self.note = f"the index is rebuilt from the catalog; no usable snapshot: {opened.reason}"

    def finish(self) -> None:
        """Apply and save the last commits, after `run`; discard an unfinished rebuild. Raises CatalogError."""
        self._next = None
        while self._step_log():
            pass
        self.save()
        self.close()

    def close(self) -> None:
        """Close the connections to the catalog."""
        with self._query_lock:
            if self._query_database:
                self._query_database.close()
                self._query_database = None
        self._log.close()

    def _rows(self, sql: str, *values: object) -> list[Row]:
        """Query from any thread, also before `start` and after `close`; `_log` belongs to `run`'s thread."""
        with self._query_lock:
            return self._connection().rows(sql, *values)

    def _connection(self) -> Database:
        """Return the connection for queries of any thread; call with `_query_lock` held."""
        self._query_database = self._query_database or Database(self._catalog_path, write=False)
        return self._query_database

    @property
    def size(self) -> int:
        """Number of vectors in the index."""
        return self._current.live_count

    @property
    def seq(self) -> int:
        """Sequence number of the last change applied."""
        return self._seq

    @property
    def lag(self) -> int:
        """Number of changes not yet applied."""
        ((last,),) = self._rows("SELECT coalesce(max(seq), 0) FROM vector WHERE model = ?", self._model)
        return max(0, int(last) - self._seq)

    def step(self) -> int:
        """Apply the next rows of the change log; return how many, 0 when there is nothing left to do."""
        return self._step_log() + self._step_rebuild()

    def _step_log(self) -> int:
        self._seq, applied = advance(self._current, self._log, self._model, self._seq, STEP_ROWS * self._threads)
        if applied:
            crash_point("index.step")
            self._unsaved += applied
            self._changed_at = self._clock()
        return applied

    def rebuild_due(self) -> bool:
        """Return whether deleted vectors take so much of the index that memory and recall suffer."""
        total = self._current.live_count + self._current.deleted_count
        return self._next is None and self._current.deleted_count > REBUILD_SHARE * total

    def _step_rebuild(self) -> int:
        """Build a new index from the start of the log, beside the current one; swap them once it has caught up."""
        if self.rebuild_due():
            self._next, self._next_seq = VectorIndex(self._dims, self._threads), 0
        if self._next is None:
            return 0
        self._next_seq, applied = advance(self._next, self._log, self._model, self._next_seq, STEP_ROWS * self._threads)
        if not applied or self._next_seq >= self._seq:
            self._current, self._next = self._next, None
            self._seq = max(self._seq, self._next_seq)
            self._unsaved = max(self._unsaved, self.size, 1)
        return max(applied, 1)

    def save_due(self) -> bool:
        """Return whether to save: after changes to 10 % of the index, or five quiet minutes; at most once a minute."""
        now = self._clock()
        if not self._unsaved or now < self._next_save_at:
            return False
        return self._unsaved >= SAVE_SHARE * max(self.size, 1) or now - self._changed_at >= SAVE_QUIET_SECONDS

    def save(self) -> None:
        """Write a snapshot if anything has changed. Raises ResourceError; the previous one then remains valid."""
        if not self._unsaved:
            return
        timeline = current_timeline(self._log)
        crash_point("index.save")
        save_snapshot(self._state, self._current, self._digest, self._seq, timeline)
        crash_point("index.saved")
        self._unsaved = 0

    def run(self, stop: threading.Event, wake: threading.Event) -> None:
        """Follow the change log until `stop`; check at once when `wake` is set. Errors go to `note` and are retried."""
        while not stop.is_set():
            wake.clear()
            if not self._try(self.step):
                wake.wait(IDLE_SECONDS)
            if self.save_due():
                self._next_save_at = self._clock() + SAVE_INTERVAL_SECONDS
                self._try(self.save)
        self._try(self.save)

    def _try(self, action: Callable[[], int | None]) -> int | None:
        try:
            result = action()
        except CatalogError as error:
            self.note, self._failed_action = f"{error.problem}. {error.remedy}", action
            return None
        if self._failed_action == action:
            self.note = self._failed_action = None
        return result

    def search(self, query: Floats, k: int) -> IndexAnswer:
        """Return the `k` live contents nearest to `query`, float32 [D] of unit length, or all if there are fewer.

        Changes not yet applied are compared exactly, so the index may be a few thousand changes behind.

        Raises StoreError if it is further behind, or its graph does not reach enough of the vectors.
        """
        k = max(k, 0)
        for spare in (SPARE_HITS, index_tail.MAX_TAIL_CHANGES):  # no more than that can have changed
            seq = self._seq  # read before the query, during which the index may advance or be replaced
            ids, cosines = self._current.query(query.reshape(1, self._dims), k + spare)
            found = list(zip(ids[0].tolist(), cosines[0].tolist(), strict=True))
            with self._query_lock:
                answer = index_tail.complete_answer(self._connection(), self._model, seq, found, query, k)
            if answer is not None:
                return answer
        raise StoreError("the index reaches too few of the vectors", index_tail.REMEDY)
