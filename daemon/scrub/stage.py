"""The scrub: read every byte again, the oldest reading first, without getting in anybody's way."""

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
ROUND_SECONDS = 3600.0  # after so long the continuous run looks for the oldest file anew: disks may be back
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
        busy: Callable[[], bool],
        *,
        once: bool,
        budget: ScrubBudget | None,
    ) -> None:
        self._database = Database(config.database, write=False)
        self._writer = writer
        self._stop = stop
        self._busy = busy
        self._once = once
        self._reader = ScrubReader(self._pace)
        self._lock = threading.Lock()
        self._shift: ActiveScrubRun | None = None  # that somebody asked for
        self._own: ActiveScrubRun | None = None  # the continuous one
        self._own_until = self._next_at = 0.0
        self._cancelled = False
        self._wake = threading.Event()
        self.reconfigure(config)
        if budget is not None:
            self.request(budget.limit)

    def reconfigure(self, config: Config) -> None:
        """Follow new settings."""
        self._settings = config.scrub
        self._rest = 0.0 if self._once else config.watch.open_seconds
        rate = config.scrub.rate_mb * MB
        self._bucket = TokenBucket(rate, min(rate, CHUNK_BYTES))
        self._wake.set()

    # -- for those who ask

    def request(self, limit: int | None) -> tuple[ScrubRun, bool]:
        """Begin a run of `limit` bytes (None: what tonight leaves), or join the one at work; whether it is new."""
        with self._lock:
            if self._shift is not None:
                return self._shift.run, False
            nightly = int(self._settings.budget_gb * GB)
            run = self._writer.commit(partial(begin_run, limit=limit, nightly=nightly, now=time.time()))
            self._begin(run)
            return run, True

    def _begin(self, run: ScrubRun) -> None:
        self._cancelled = False
        self._shift = ActiveScrubRun(run, ScrubQueue(self._database, run.started), self._writer, self._rest)
        self._wake.set()

    def cancel(self, run: int) -> None:
        """End that run soon; what was verified stays so."""
        with self._lock:
            if self._shift is not None and self._shift.run.id == run:
                self._cancelled = True
                self._wake.set()

    def progress(self) -> ScrubAnswer:
        """The run at work that somebody asked for, if there is one; and whether anything is read at all."""
        shift = self._shift
        return {
            "run": None if shift is None else shift.run._asdict(),
            "work": None if shift is None else shift.work,
            "running": shift is not None or self._settings.continuous,
        }

    @property
    def closed(self) -> bool:
        """Whether nobody can have a scrub here: a full pass has other things to do."""
        return self._once and self._shift is None

    @property
    def idle(self) -> bool:
        """Whether no run is at work and all of the last one is committed."""
        return self._shift is None

    # -- the thread

    def run(self) -> None:
        """Thread body."""
        if not set_idle_io_priority():
            log.info("no_idle_io")
        self._writer.commit(partial(clear_future_readings, now=time.time()))
        self._take_up()
        try:
            while not self._stop.is_set():
                self.step()
        finally:
            self._end()

    def _take_up(self) -> None:
        """Go on with what a restart cut short."""
        run = None if self._once else unfinished_run(self._database, night_start(time.time()))
        with self._lock:
            if run is not None and self._shift is None:
                self._begin(run)

    def step(self) -> None:
        """Read one file, or wait a moment."""
        self._wake.clear()
        if self._shift is not None:
            self._work(self._shift)
        elif self._settings.continuous and not self._busy():
            self._drip()
        else:
            self._wake.wait(POLL_SECONDS)

    def _work(self, shift: ActiveScrubRun) -> None:
        shift.count()
        target = None if self._halted() else shift.next()
        if target is not None:
            self._read(shift, target)
            return
        with self._lock:
            shift.close()
            self._shift, self._cancelled = None, False
        run = shift.run
        log.info("scrubbed", files=run.files, bytes=run.bytes, different=run.different, unreadable=run.unreadable)

    def _drip(self) -> None:
        """One file of the continuous run, if it is time for one."""
        left = self._next_at - time.monotonic()
        if left > 0:
            if self._own is not None:
                self._own.commit()
            self._wake.wait(min(POLL_SECONDS, left))
            return
        shift = self._continuous()
        target = shift.next()
        if target is None:
            self._next_at = self._own_until
            return
        self._read(shift, target)
        age = (time.time() - target.read_at) / DAY_SECONDS
        self._next_at = time.monotonic() + pause_seconds(target.signature.size, self._total, self._settings.days, age)

    def _continuous(self) -> ActiveScrubRun:
        """Tonight's continuous run, once an hour from the oldest file on: what was passed over may be back."""
        if self._own is None or time.monotonic() >= self._own_until:
            if self._own is not None:
                self._own.commit()
            now = time.time()
            nightly = int(self._settings.budget_gb * GB)
            run = self._writer.commit(partial(begin_continuous_run, nightly=nightly, now=now))
            feed = ScrubQueue(self._database, now)
            self._total = feed.work()
            self._own = ActiveScrubRun(run, feed, self._writer, self._rest)
            self._own_until = time.monotonic() + ROUND_SECONDS
        return self._own

    def _read(self, shift: ActiveScrubRun, target: ScrubTarget) -> None:
        try:
            reading = self._reader.read(target)
        except ScrubStopped:
            return
        crash_point("scrub.read")
        shift.take(reading)

    def _halted(self) -> bool:
        return self._stop.is_set() or self._cancelled

    def _pace(self, amount: int) -> bool:
        """Wait until so many bytes may be read; False to stop."""
        until = time.monotonic() + self._bucket.take(amount, time.monotonic())
        while not self._halted():
            left = until - time.monotonic()
            if left <= 0:
                return True
            self._stop.wait(min(left, POLL_SECONDS))
        return False

    def _end(self) -> None:
        """What was read is committed. A run that cannot go on in another service is over."""
        if self._shift is not None and (self._once or self._cancelled):
            self._shift.close()
        for shift in (self._shift, self._own):
            if shift is not None:
                shift.commit()
