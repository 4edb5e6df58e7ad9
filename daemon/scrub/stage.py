"""The scrub stage: read every file again, least recently read first, within a budget and a rate limit."""

import threading
import time
from collections.abc import Callable
from functools import partial

import structlog

from catalog.client.protocol import ScrubAnswer
from catalog.config.load import Config
from catalog.crash_points import crash_point
from catalog.integrity.coverage import DAY_SECONDS
from catalog.integrity.scrub_results import clear_future_readings
from catalog.integrity.scrub_runs import ScrubRun, begin_continuous_run, begin_run, night_start, unfinished_run
from catalog.store.database import Database
from daemon.host.priority import set_idle_io_priority
from daemon.messages import ScrubBudget
from daemon.scrub.queue import ScrubQueue
from daemon.scrub.rate_limit import TokenBucket, pause_seconds
from daemon.scrub.reader import CHUNK_BYTES, ScrubReader, ScrubStopped, ScrubTarget
from daemon.scrub.run import ActiveScrubRun
from daemon.writer import Writer

GB, MB = 1_000_000_000, 1_000_000
ROUND_SECONDS = 3600.0  # then the continuous run starts again at the oldest file: volumes may be back
POLL_SECONDS = 0.5
log = structlog.get_logger()


class Scrubber:
    """Reads files one at a time, in one thread; `request`, `cancel` and `progress` may be called from any.

    `is_busy`: whether new files wait to be read; those go before the continuous run. With `once` a run ends with its
    service; otherwise the next service resumes it, within the same night. `budget`: of a run to begin at once.
    """

    def __init__(
        self,
        config: Config,
        writer: Writer,
        stop: threading.Event,
        is_busy: Callable[[], bool],
        *,
        once: bool,
        budget: ScrubBudget | None,
    ) -> None:
        self._database = Database(config.database, write=False)
        self._writer = writer
        self._stop = stop
        self._is_busy = is_busy
        self._once = once
        self._reader = ScrubReader(self._pace)
        self._lock = threading.Lock()
        self._requested: ActiveScrubRun | None = None
        self._continuous: ActiveScrubRun | None = None
        self._continuous_until = self._next_at = 0.0
        self._cancelled = False
        self._wake = threading.Event()
        self.reconfigure(config)
        if budget is not None:
            self.request(budget.limit)

    def reconfigure(self, config: Config) -> None:
        """Apply a new configuration."""
        self._settings = config.scrub
        self._settle_seconds = 0.0 if self._once else config.watch.open_seconds
        rate = config.scrub.rate_mb * MB
        self._bucket = TokenBucket(rate, min(rate, CHUNK_BYTES))
        self._wake.set()

    # -- called from any thread

    def request(self, limit: int | None) -> tuple[ScrubRun, bool]:
        """Begin a run of `limit` bytes (None: what is left of tonight's budget), or join the active one.

        Return the run and whether it is new.
        """
        with self._lock:
            if self._requested is not None:
                return self._requested.run, False
            nightly = int(self._settings.budget_gb * GB)
            run = self._writer.commit(partial(begin_run, limit=limit, nightly=nightly, now=time.time()))
            self._begin(run)
            return run, True

    def _begin(self, run: ScrubRun) -> None:
        self._cancelled = False
        queue = ScrubQueue(self._database, run.started)
        self._requested = ActiveScrubRun(run, queue, self._writer, self._settle_seconds)
        self._wake.set()

    def cancel(self, run: int) -> None:
        """End a run soon, by its id; what it has verified is kept."""
        with self._lock:
            if self._requested is not None and self._requested.run.id == run:
                self._cancelled = True
                self._wake.set()

    def progress(self) -> ScrubAnswer:
        """Return the progress of the requested run, if there is one, and whether the scrub reads at all."""
        active = self._requested
        return {
            "run": None if active is None else active.run._asdict(),
            "work": None if active is None else active.total_bytes,
            "running": active is not None or self._settings.continuous,
        }

    @property
    def unavailable(self) -> bool:
        """Whether no scrub can be requested, since this is a full pass."""
        return self._once and self._requested is None

    @property
    def idle(self) -> bool:
        """Whether no requested run is active, and the last one is committed."""
        return self._requested is None

    # -- the scrub's thread

    def run(self) -> None:
        """Thread body."""
        if not set_idle_io_priority():
            log.info("no_idle_io")
        self._writer.commit(partial(clear_future_readings, now=time.time()))
        self._resume()
        try:
            while not self._stop.is_set():
                self.step()
        finally:
            self._end()

    def _resume(self) -> None:
        """Resume a run that a restart interrupted."""
        run = None if self._once else unfinished_run(self._database, night_start(time.time()))
        with self._lock:
            if run is not None and self._requested is None:
                self._begin(run)

    def step(self) -> None:
        """Read one file, or wait a moment."""
        self._wake.clear()
        if self._requested is not None:
            self._step_requested(self._requested)
        elif self._settings.continuous and not self._is_busy():
            self._step_continuous()
        else:
            self._wake.wait(POLL_SECONDS)

    def _step_requested(self, active: ActiveScrubRun) -> None:
        """Read the next file of the requested run, or end the run."""
        active.count()
        target = None if self._is_interrupted() else active.next()
        if target is not None:
            self._read(active, target)
            return
        with self._lock:
            active.close()
            self._requested, self._cancelled = None, False
        run = active.run
        log.info("scrubbed", files=run.files, bytes=run.bytes, different=run.different, unreadable=run.unreadable)

    def _step_continuous(self) -> None:
        """Read the next file of the continuous run, if it is time for one."""
        left = self._next_at - time.monotonic()
        if left > 0:
            if self._continuous is not None:
                self._continuous.commit()
            self._wake.wait(min(POLL_SECONDS, left))
            return
        active = self._continuous_run()
        target = active.next()
        if target is None:
            self._next_at = self._continuous_until
            return
        self._read(active, target)
        age = (time.time() - target.read_at) / DAY_SECONDS
        pause = pause_seconds(target.signature.size, self._round_bytes, self._settings.days, age)
        self._next_at = time.monotonic() + pause

    def _continuous_run(self) -> ActiveScrubRun:
        """Return tonight's continuous run; once an hour from the oldest file again, since skipped files may be back."""
        if self._continuous is None or time.monotonic() >= self._continuous_until:
            if self._continuous is not None:
                self._continuous.commit()
            now = time.time()
            nightly = int(self._settings.budget_gb * GB)
            run = self._writer.commit(partial(begin_continuous_run, nightly=nightly, now=now))
            queue = ScrubQueue(self._database, now)
            self._round_bytes = queue.total_bytes()
            self._continuous = ActiveScrubRun(run, queue, self._writer, self._settle_seconds)
            self._continuous_until = time.monotonic() + ROUND_SECONDS
        return self._continuous

    def _read(self, active: ActiveScrubRun, target: ScrubTarget) -> None:
        try:
            reading = self._reader.read(target)
        except ScrubStopped:
            return
        crash_point("scrub.read")
        active.add(reading)

    def _is_interrupted(self) -> bool:
        return self._stop.is_set() or self._cancelled

    def _pace(self, amount: int) -> bool:
        """Wait until `amount` bytes may be read; return False to stop."""
        until = time.monotonic() + self._bucket.take(amount, time.monotonic())
        while not self._is_interrupted():
            left = until - time.monotonic()
            if left <= 0:
                return True
            self._stop.wait(min(left, POLL_SECONDS))
        return False

    def _end(self) -> None:
        """Commit what was read, and end a run that no other service may resume."""
        if self._requested is not None and (self._once or self._cancelled):
            self._requested.close()
        for active in (self._requested, self._continuous):
            if active is not None:
                active.commit()
