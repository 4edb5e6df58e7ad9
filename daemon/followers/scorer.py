"""Scores follow the catalog: a new vector is scored at once, a new head scores everything anew without a pixel read."""

import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import structlog

from catalog.crash_points import crash_point
from catalog.heads.name_vectors import TextTowerKey, store_name_vectors
from catalog.heads.scoring import (
    has_scores_without_name,
    next_name_step,
    record_block,
    record_scores,
    score_next_block,
    scoring_lag,
)
from catalog.heads.stored_head import StoredHead, scoring_head
from catalog.store.database import Database
from daemon.writer import Writer

IDLE_SECONDS = 1.0  # seconds: a head that a command has put to use is noticed no later
RETRY_SECONDS = 300.0  # after a text model that failed
log = structlog.get_logger()


class Scorer:
    """Runs in one thread; `lag` may be asked from any. `words`: texts to unit vectors of `tower`, float32 [N, dims]."""

    def __init__(
        self, path: Path, writer: Writer, tower: TextTowerKey, words: Callable[[list[str]], np.ndarray]
    ) -> None:
        self._path, self._writer, self._tower, self._words = path, writer, tower, words
        self._database = Database(path, write=False)
        self._asking: Database | None = None
        self._seen = 0
        self._silent_until = 0.0
        self.wake = threading.Event()
        writer.wake_after_commit(self.wake)

    def step(self) -> None:
        """Score one block of the change log, or give a few names their vectors, or wait until there may be more."""
        self.wake.clear()
        kept = scoring_head(self._database)
        block = None if kept is None else score_next_block(self._database, kept)
        if kept is None or block is None:
            if kept is None or not self._name(kept):
                self.wake.wait(IDLE_SECONDS)
            return
        if kept.id != self._seen:
            self._seen = kept.id
            log.info("scoring", head=kept.id)
        crash_point("score")
        self._writer.commit(partial(record_block, scored=block))

    def _name(self, kept: StoredHead) -> bool:
        """Whether anything was done: scores given again, or names embedded that others wait for."""
        found = next_name_step(self._database, kept) if self._speaks(kept) else None
        if found is None:
            return False
        if found.scores is not None:
            crash_point("score.named")
            self._writer.commit(partial(record_scores, head=kept.id, scores=found.scores))
        if found.words:
            return self._embed(kept, found.words) or found.scores is not None
        return True

    def _embed(self, kept: StoredHead, words: list[str]) -> bool:
        try:
            vectors = self._words(words)
        except Exception as error:  # a model's failure, of whatever kind, leaves the scores as they are
            log.warning("names_not_embedded", problem=str(error))
            self._silent_until = time.monotonic() + RETRY_SECONDS
            return False
        crash_point("score.words")
        self._writer.commit(partial(store_name_vectors, owner=kept.tower, words=words, vectors=vectors))
        return True

    def _speaks(self, kept: StoredHead) -> bool:
        """Not for another tower, as of a model that has just taken over: a service will be assembled for that."""
        return kept.tower == self._tower and time.monotonic() >= self._silent_until

    @property
    def lag(self) -> int:
        """Entries of the change log that are not scored, and one for names that are not embedded but could be. For the
        supervisor's thread.
        """
        if self._asking is None:
            self._asking = Database(self._path, write=False)
        kept = scoring_head(self._asking)
        return scoring_lag(self._asking) + (
            kept is not None and self._speaks(kept) and has_scores_without_name(self._asking, kept)
        )
