"""The index follows the catalog's change log. It is a cache: killed at any point, it is caught up or built anew."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from catalog.crash_points import crash_point
from catalog.errors import CatalogError, StoreError
from catalog.similarity import index_file as snapshot
from catalog.similarity import index_tail
from catalog.similarity.index import VectorIndex
from catalog.similarity.index_replay import advance, open_index
from catalog.similarity.index_tail import IndexAnswer
from catalog.store.change_log import current_timeline
from catalog.store.database import Database, Row
from catalog.store.vectors import Floats

STEP_ROWS = 64  # changes a step: an add takes about 0.5 ms, and queries wait while the step's rows are added
SAVE_SHARE = 0.10
SAVE_QUIET_SECONDS = 300.0
SAVE_INTERVAL_SECONDS = 60.0
REBUILD_SHARE = 0.30
IDLE_SECONDS = 1.0
SPARE_HITS = 8  # asked for beyond k: rows that changed since the last step are dropped; more, where that was too few


class IndexFollower:
    """One model's index. `step`, `save` and `run` belong to one thread; all else may be called from any."""

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
        self._asking = threading.Lock()
        self._lookup: Database | None = None
        self._current = VectorIndex(dims, threads)
        self._seq = 0
        self._next: VectorIndex | None = None  # the rebuilt index, while it catches up
        self._next_seq = 0
        self._unsaved = 0
        self._changed_at = self._rest_until = clock()
        self._failing: Callable[[], int | None] | None = None
        self.note: str | None = None

    def start(self) -> None:
        """Open the catalog and load the snapshot; `note` says why it is built anew, if it is.

        Raises:
            Fault: the catalog cannot be opened.
        """
        self._log = Database(self._catalog_path, write=False)
        opened = open_index(self._log, self._state, self._model, self._digest, self._dims, self._threads)
        self._current, self._seq = opened.vector_index, opened.seq
        if opened.reason:
            self.note = f"the index is rebuilt from the catalog; no usable snapshot: {opened.reason}"

    def finish(self) -> None:
        """After `run`: what the writer committed last is applied and saved. A rebuild under way is dropped.

        Raises:
            Fault: the catalog cannot be read or the snapshot not written.
        """
        self._next = None
        while self._step_log():
            pass
        self.save()
        self.close()

    def close(self) -> None:
        """Close the connections to the catalog."""
        with self._asking:
            if self._lookup:
                self._lookup.close()
                self._lookup = None
        self._log.close()

    def _rows(self, sql: str, *values: object) -> list[Row]:
        """A query of any thread, before `start` and after `close` too; `_log` is the follower's own."""
        with self._asking:
            return self._connection().rows(sql, *values)

    def _connection(self) -> Database:
        """Return the connection for queries of any thread; call with `_asking` held."""
        self._lookup = self._lookup or Database(self._catalog_path, write=False)
        return self._lookup

    @property
    def size(self) -> int:
        """Vectors that answer queries."""
        return self._current.live_count

    @property
    def seq(self) -> int:
        """The place in the change log that the index has reached."""
        return self._seq

    @property
    def lag(self) -> int:
        """Entries of the change log that are still to come, as seen now."""
        ((last,),) = self._rows("SELECT coalesce(max(seq), 0) FROM vector WHERE model = ?", self._model)
        return max(0, int(last) - self._seq)

    def step(self) -> int:
        """Apply the next rows of the change log. Returns how many; 0 when there is nothing left to do."""
        return self._step_log() + self._step_rebuild()

    def _step_log(self) -> int:
        self._seq, applied = advance(self._current, self._log, self._model, self._seq, STEP_ROWS * self._threads)
        if applied:
            crash_point("index.step")
            self._unsaved += applied
            self._changed_at = self._clock()
        return applied

    def rebuild_due(self) -> bool:
        """Whether the deleted places have come to weigh on memory and recall."""
        total = self._current.live_count + self._current.deleted_count
        return self._next is None and self._current.deleted_count > REBUILD_SHARE * total

    def _step_rebuild(self) -> int:
        """Grow a fresh index from the start of the log, beside the one that answers; swap when it is level."""
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
        """After 10 % of changes, or five minutes after the last one; tried at most once a minute."""
        now = self._clock()
        if not self._unsaved or now < self._rest_until:
            return False
        return self._unsaved >= SAVE_SHARE * max(self.size, 1) or now - self._changed_at >= SAVE_QUIET_SECONDS

    def save(self) -> None:
        """Write the snapshot, if anything changed since the last.

        Raises:
            PlaceFault: it could not be written; the one before it still serves.
        """
        if not self._unsaved:
            return
        timeline = current_timeline(self._log)
        crash_point("index.save")
        snapshot.save_snapshot(self._state, self._current, self._digest, self._seq, timeline)
        crash_point("index.saved")
        self._unsaved = 0

    def run(self, stop: threading.Event, wake: threading.Event) -> None:
        """Follow until `stop`, looking at once when `wake` is set. Faults are noted and tried again."""
        while not stop.is_set():
            wake.clear()
            if not self._try(self.step):
                wake.wait(IDLE_SECONDS)
            if self.save_due():
                self._rest_until = self._clock() + SAVE_INTERVAL_SECONDS
                self._try(self.save)
        self._try(self.save)

    def _try(self, act: Callable[[], int | None]) -> int | None:
        try:
            done = act()
        except CatalogError as fault:
            self.note, self._failing = f"{fault.problem}. {fault.remedy}", act
            return None
        if self._failing == act:
            self.note = self._failing = None
        return done

    def search(self, query: Floats, k: int) -> IndexAnswer:
        """Return the k live contents nearest to float32 [D] of unit length, or all of them where there are fewer.

        Changes not yet applied are compared exactly, so an index that is a few thousand of them behind still answers.

        Raises:
            StoreFault: it is further behind, or its graph does not reach enough of the vectors.
        """
        k = max(k, 0)
        for more in (SPARE_HITS, index_tail.MAX_TAIL_CHANGES):  # no more than that have changed
            seq = self._seq  # read before the index, which may go on meanwhile and be exchanged for a fresher one
            ids, cosines = self._current.query(query.reshape(1, self._dims), k + more)
            found = list(zip(ids[0].tolist(), cosines[0].tolist(), strict=True))
            with self._asking:
                answer = index_tail.complete_answer(self._connection(), self._model, seq, found, query, k)
            if answer is not None:
                return answer
        raise StoreError("the index reaches too few of the vectors", index_tail.REMEDY)

    def labels(self) -> set[int]:
        """The labels that answer, for `catalog check`."""
        return set(np.asarray(self._current.live_ids()).tolist())
