"""An active scrub run: what it reads next, its counters, and commits in batches."""

import time
from functools import partial

from catalog.integrity.scrub_runs import ScrubRun, end_run
from daemon.scrub.queue import ScrubQueue
from daemon.scrub.rate_limit import fits_budget
from daemon.scrub.reader import ScrubReading, ScrubTarget
from daemon.scrub.record import record_readings
from daemon.writer import Writer

BATCH_FILES = 256  # files in one change
COMMIT_SECONDS = 1.0  # the work that a kill can lose


class ActiveScrubRun:
    """Belongs to the scrub's thread; `run` and `total_bytes` may be read by any.

    `settle_seconds`: how long a file that has changed is left alone before it is read.
    """

    def __init__(self, run: ScrubRun, queue: ScrubQueue, writer: Writer, settle_seconds: float) -> None:
        self.run = run
        self.total_bytes: int | None = None  # what the run will read at most, once counted
        self._queue = queue
        self._writer = writer
        self._settle_seconds = settle_seconds
        self._readings: list[ScrubReading] = []
        self._committed_at = time.monotonic()

    def count(self) -> None:
        """Count the bytes to read; once, since that reads the whole table."""
        if self.total_bytes is None:
            left = max(0, self.run.limit - self.run.bytes)
            self.total_bytes = self.run.bytes + min(left, self._queue.total_bytes())

    def next(self) -> ScrubTarget | None:
        """Return the next file, or None if there is none or the budget is used up."""
        target = self._queue.peek()
        run = self.run
        if target is None or not fits_budget(target.signature.size, run.before + run.bytes, run.before + run.limit):
            return None
        self._queue.pop()
        return target

    def add(self, reading: ScrubReading) -> None:
        """Count a reading, and commit when a batch is full or old enough."""
        run, counter = self.run, reading.result.value
        counted = {counter: getattr(run, counter) + 1}
        self.run = run._replace(files=run.files + 1, bytes=run.bytes + reading.size, **counted)
        self._readings.append(reading)
        if len(self._readings) >= BATCH_FILES or time.monotonic() - self._committed_at >= COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Hand the readings to the writer."""
        if self._readings:
            now = time.time()
            due = now + self._settle_seconds
            self._writer.put(partial(record_readings, tuple(self._readings), self.run, now, due))
            self._readings = []
        self._committed_at = time.monotonic()

    def close(self) -> None:
        """End the run, and wait until it is committed."""
        self.commit()
        self.run = self._writer.commit(partial(end_run, run=self.run, now=time.time()))
