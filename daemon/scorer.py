"""Scores follow the catalog: a new vector is scored at once, a new head scores everything anew without a pixel read."""

import threading
from functools import partial
from pathlib import Path

import structlog

from catalog.db import Database
from catalog.heads import in_use
from catalog.scoring import lag, next_block, record
from daemon.points import point
from daemon.write import Writer

IDLE = 1.0  # seconds: a head that a command has put to use is noticed no later
log = structlog.get_logger()


class Scorer:
    """Runs in one thread; `lag` may be asked from any."""

    def __init__(self, path: Path, writer: Writer) -> None:
        self._path, self._writer = path, writer
        self._database = Database(path, write=False)
        self._asking: Database | None = None
        self._seen = 0
        self.wake = threading.Event()
        writer.listen(self.wake)

    def step(self) -> None:
        """Score one block of the change log, or wait until there may be more of it."""
        self.wake.clear()
        kept = in_use(self._database)
        block = (
            None if kept is None else next_block(self._database, kept, len(kept.head.weights) - len(kept.head.features))
        )
        if kept is None or block is None:
            self.wake.wait(IDLE)
            return
        if kept.id != self._seen:
            self._seen = kept.id
            log.info("scoring", head=kept.id)
        point("score")
        self._writer.ask(partial(record, scored=block))

    @property
    def lag(self) -> int:
        """Entries of the change log that are not scored. For the supervisor's thread."""
        if self._asking is None:
            self._asking = Database(self._path, write=False)
        return lag(self._asking)
