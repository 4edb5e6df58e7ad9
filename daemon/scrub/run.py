"""One run at work: what it reads next, what it has read, and what of that is committed."""

import time
from functools import partial

from catalog.integrity.scrub_runs import ScrubRun, end_run
from daemon.scrub.queue import ScrubQueue
from daemon.scrub.rate_limit import fits_budget
from daemon.scrub.reader import ScrubReading, ScrubTarget
from daemon.scrub.record import readings_change
from daemon.writer import Writer

BATCH_FILES = 256  # files in one change
COMMIT_SECONDS = 1.0  # what a kill can cost


class ActiveScrubRun:
    """For the scrub's thread; `run` and `work` may be read by any. `rest`: seconds a changed file is left alone."""

    def __init__(self, run: ScrubRun, feed: ScrubQueue, writer: Writer, rest: float) -> None:
        self.run = run
        self.work: int | None = None  # bytes it will read at most, once they are counted
        self._feed = feed
        self._writer = writer
        self._rest = rest
        self._readings: list[ScrubReading] = []
        self._committed = time.monotonic()

    def count(self) -> None:
        """Count what there is to do: once, since it reads the whole table."""
        if self.work is None:
            self.work = self.run.bytes + min(max(0, self.run.limit - self.run.bytes), self._feed.work())

    def next(self) -> ScrubTarget | None:
        """The oldest file, or None when there is none or the budget is used up."""
        target = self._feed.peek()
        run = self.run
        if target is None or not fits_budget(target.signature.size, run.before + run.bytes, run.before + run.limit):
            return None
        self._feed.pop()
        return target

    def take(self, reading: ScrubReading) -> None:
        """Account for a file."""
        run, word = self.run, reading.finding.value
        self.run = run._replace(files=run.files + 1, bytes=run.bytes + reading.size, **{word: getattr(run, word) + 1})
        self._readings.append(reading)
        if len(self._readings) >= BATCH_FILES or time.monotonic() - self._committed >= COMMIT_SECONDS:
            self.commit()

    def commit(self) -> None:
        """Hand what was read to the writer."""
        if self._readings:
            now = time.time()
            self._writer.put(readings_change(tuple(self._readings), self.run, now, now + self._rest))
            self._readings = []
        self._committed = time.monotonic()

    def close(self) -> None:
        """The run is over: wait until all of it is committed."""
        self.commit()
        self.run = self._writer.commit(partial(end_run, run=self.run, now=time.time()))
