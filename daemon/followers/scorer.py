"""The scorer: new vectors are scored at once, and a new head rescores everything without reading a file."""

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

IDLE_SECONDS = 1.0  # a head that a command has activated is noticed within this time
RETRY_SECONDS = 300.0  # after the text model has failed
log = structlog.get_logger()


class Scorer:
    """Runs in one thread. `embed_texts`: texts to unit vectors of `tower`, float32 [N, dims]."""

    def __init__(
        self, path: Path, writer: Writer, tower: TextTowerKey, embed_texts: Callable[[list[str]], np.ndarray]
    ) -> None:
        self._path, self._writer, self._tower, self._embed_texts = path, writer, tower, embed_texts
        self._database = Database(path, write=False)
        self._lag_database: Database | None = None
        self._last_head = 0
        self._retry_at = 0.0
        self.wake = threading.Event()
        writer.wake_after_commit(self.wake)

    def step(self) -> None:
        """Score one block of the change log, or embed a few names, or wait for either."""
        self.wake.clear()
        stored = scoring_head(self._database)
        block = None if stored is None else score_next_block(self._database, stored)
        if stored is None or block is None:
            if stored is None or not self._process_names(stored):
                self.wake.wait(IDLE_SECONDS)
            return
        if stored.id != self._last_head:
            self._last_head = stored.id
            log.info("scoring", head=stored.id)
        crash_point("score")
        self._writer.commit(partial(record_block, block=block))

    def _process_names(self, stored: StoredHead) -> bool:
        """Rescore with newly stored name vectors, and embed missing names. Return whether anything was done."""
        step = next_name_step(self._database, stored) if self._can_embed(stored) else None
        if step is None:
            return False
        if step.scores is not None:
            crash_point("score.named")
            self._writer.commit(partial(record_scores, head=stored.id, scores=step.scores))
        if step.missing_names:
            return self._embed(stored, step.missing_names) or step.scores is not None
        return True

    def _embed(self, stored: StoredHead, names: list[str]) -> bool:
        try:
            vectors = self._embed_texts(names)
        except Exception as error:  # whatever the model raises: the scores stay as they are
            log.warning("names_not_embedded", problem=str(error))
            self._retry_at = time.monotonic() + RETRY_SECONDS
            return False
        crash_point("score.words")
        self._writer.commit(partial(store_name_vectors, tower=stored.tower, texts=names, vectors=vectors))
        return True

    def _can_embed(self, stored: StoredHead) -> bool:
        """Return whether the head uses our tower: after a change of model it may not, until the service restarts."""
        return stored.tower == self._tower and time.monotonic() >= self._retry_at

    @property
    def lag(self) -> int:
        """Unscored entries of the change log, plus one if there are names to embed. For the supervisor's thread."""
        if self._lag_database is None:
            self._lag_database = Database(self._path, write=False)
        database = self._lag_database
        stored = scoring_head(database)
        names_missing = stored is not None and self._can_embed(stored) and has_scores_without_name(database, stored)
        return scoring_lag(database) + names_missing
