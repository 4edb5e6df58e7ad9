"""The service: its stages, the order in which they start, and the order in which they stop."""

import threading
from collections.abc import Hashable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from catalog.client.protocol import StatusAnswer
from catalog.config.load import Config
from catalog.crash_points import crash_point
from catalog.embedding.selection import configured_bundle
from catalog.errors import CatalogError, StoreError
from catalog.formatting import path_text
from catalog.heads.name_vectors import TextTowerKey
from catalog.state_dir import SOCKET
from daemon.api.operations import operation_table
from daemon.api.server import ApiServer
from daemon.embed.batcher import EmbeddingBatcher, run_embedding
from daemon.embed.model_loader import LoadedModel
from daemon.embed.model_selection import select_model
from daemon.embed.next_model import NextModel
from daemon.followers.index import IndexFollower
from daemon.followers.nightly_backup import NightlyBackup
from daemon.followers.scorer import Scorer
from daemon.followers.trainer import Trainer
from daemon.host.wall_clock import ClockMonitor
from daemon.intake.in_flight import InFlightFiles
from daemon.intake.outdated_rejections import queue_outdated_rejections
from daemon.intake.pool import WorkerPool, worker_settings
from daemon.intake.queue import PendingQueue
from daemon.intake.record import ResultRecorder, service_crash_change, task_of
from daemon.messages import FileResult, ScrubBudget
from daemon.scan.scheduler import Scanner
from daemon.scan.volume_monitor import VolumeMonitor
from daemon.scrub.stage import Scrubber
from daemon.stage import JOIN_SECONDS, Stages
from daemon.stall import STALL_SECONDS, StallMonitor
from daemon.watch.hint_follower import HintFollower
from daemon.watch.reconciler import WatchReconciler
from daemon.writer import Change, Writer

if TYPE_CHECKING:
    from catalog.json_types.status import NextModelJson

log = structlog.get_logger()
YOUNG_FACTOR = 2  # times `open_seconds`: a file younger than that may still be half-written


class Service:
    """All stages of one catalog.

    `once`: watch nothing; `is_done` tells when the full pass, or the scrub of `scrub`, is finished. `must_restart`:
    this service has to stop, and another one be assembled for a new model or new limits.
    """

    def __init__(self, config: Config, once: bool, scrub: ScrubBudget | None = None) -> None:
        self.config = config
        self.once = once
        self.scrub = scrub
        self._stop = threading.Event()
        self.reload_requested = False
        self.must_restart = False
        self.read_count = 0
        self.stall_monitor = StallMonitor(max(STALL_SECONDS, 2 * config.intake.seconds))
        self.writer = Writer(config.database)
        self.stages = Stages(self._stop)
        self.stages.run("write", self.writer.run)
        try:
            self._assemble(config, once)
        except Exception:
            self.writer.stop()
            self.stages.join("write")  # it may be logging an error of its own: report one after the other
            raise

    def _assemble(self, config: Config, once: bool) -> None:
        self.clock_monitor = ClockMonitor(self._commit, self._stop)
        self._selection = select_model(config, self._commit)
        bundle, self.model = self._selection.bundle, self._selection.model
        self.loaded_model = LoadedModel(bundle, config, self.model, self.writer)
        self.in_flight = InFlightFiles(config.state)
        self._commit(service_crash_change(self.in_flight.pop_leftover()))
        queue_outdated_rejections(self._commit, config.intake)
        self.volume_monitor = VolumeMonitor(config, self.writer)
        self.scanner = Scanner(config, self.writer, once)
        self.hint_follower = HintFollower(config, self.writer, self.scanner.request)
        self.reconciler = WatchReconciler(config, self.volume_monitor, self.scanner.request, self.hint_follower.submit)
        self.queue = PendingQueue(config.database)
        self.recorder = ResultRecorder(self.model, 0.0 if once else YOUNG_FACTOR * config.watch.open_seconds)
        self.batcher = EmbeddingBatcher(config.model.batch or 8, self._record, self._stop)
        self.pool = WorkerPool(
            self.queue,
            worker_settings(config, self.model, bundle.recipe),
            self.in_flight.set,
            config.intake.workers,
            config.intake.seconds,
            self.batcher.route,
            self.batcher.flush,
        )
        self.index = IndexFollower(config.database, config.state, self.model, bundle.id, bundle.dims)
        self._index_wake = threading.Event()
        self.scrubber = Scrubber(config, self.writer, self._stop, self._is_reading, once=once, budget=self.scrub)
        self.nightly_backup = NightlyBackup(config, self.writer, self._stop)
        self.next_model: NextModel | None = None
        if self._selection.next_model is not None and self.scrub is None:
            next_bundle, next_row = self._selection.next_model
            self.next_model = NextModel(
                config, next_bundle, next_row, self.model, self.writer, self._stop, self._is_reading
            )
        self.writer.wake_after_commit(self.queue.wake)
        self.writer.wake_after_commit(self._index_wake)
        tower = TextTowerKey(self.model, bundle.text.id if bundle.text else "", bundle.dims)
        self.scorer = Scorer(config.database, self.writer, tower, self.loaded_model.embed_texts)
        self.trainer = Trainer(config, self.writer, self._stop)
        self.api = ApiServer(
            config.state / SOCKET,
            operation_table(self.index.search, self.loaded_model, self.status, self._request_reload, self.scrubber),
        )

    def start(self) -> None:
        """Start every stage, each after those that it needs."""
        self.volume_monitor.refresh()
        self.reconciler.start(watch=not self.once)
        self.stages.run("index", self._run_index)
        self.stages.run("embed", self._run_embedding)
        self.stages.run("intake", partial(self.pool.run, self._stop))
        self.stages.repeat("keep", self.nightly_backup.step)
        self.stages.repeat("score", self.scorer.step)
        self.stages.repeat("clock", self.clock_monitor.step)
        if self.scrub is None:
            self.stages.repeat("scan", self.scanner.step)
            self.stages.repeat("train", self.trainer.step)
        if self.scrub is not None or not self.once:
            self.stages.run("scrub", self.scrubber.run)
        if self.next_model is not None:
            for name, body in self.next_model.stages().items():
                self.stages.run(name, body)
        if not self.once:
            self.stages.repeat("scout", self.hint_follower.step)
            self.stages.repeat("sentry", self.reconciler.step)
        self.api.start()

    def stop(self) -> None:
        """Stop in order: take nothing new, drop unfinished work (it stays pending), commit the rest, save the index."""
        self._stop.set()
        self.stages.join("sentry")  # it changes the watches, which only one thread at a time may do
        self.reconciler.stop()
        self.scanner.stop()
        self.queue.wake.set()
        self.batcher.wake()
        self.scorer.wake.set()
        if self.next_model is not None:
            self.next_model.wake()
        self.api.stop()
        self.stages.join(
            *("scan", "scout", "scrub", "keep", "train", "score", "clock"),
            *("intake", "embed", "next-intake", "next-embed"),
        )
        self.writer.stop()
        self.stages.join("write")
        self._index_wake.set()
        self.stages.join("index", "next-index")
        self.in_flight.close()

    def reload(self, config: Config) -> None:
        """Apply a new configuration as far as possible, and scan now. Raises ResourceError before any change."""
        if config.state != self.config.state:
            log.warning("restart_needed", why="a change to `state` takes effect after a restart")
            config = replace(config, state=self.config.state)  # the lock is held on this one
        if config.model != self.config.model:
            configured_bundle(config)  # a bundle that cannot be opened must not stop the service that runs
        if (config.model, config.intake) != (self.config.model, self.config.intake):
            self.must_restart = True
        self.config = config
        for stage in (self.hint_follower, self.scanner, self.reconciler, self.scrubber, self.nightly_backup):
            stage.reconfigure(config)

    def _is_reading(self) -> bool:
        return self.queue.claimed_count > 0

    def _request_reload(self) -> None:
        self.reload_requested = True

    def is_done(self) -> bool:
        """Return whether everything is scanned, read, embedded and committed, and the index has caught up."""
        stages = (self.scanner if self.scrub is None else self.scrubber, self.nightly_backup, self.writer)
        return (
            all(stage.idle for stage in stages)
            and self.queue.claimed_count == 0
            and self.queue.exhausted()
            and not self.index.lag
            and (self.scrub is not None or not self.trainer.has_work)
            and not self.scorer.lag
            and (self.next_model is None or self.model_error is not None)
        )

    def status(self) -> StatusAnswer:
        """Return what only the running service knows, for `catalog status`."""
        crash_point("answer")
        return {
            "index": {"size": self.index.size, "seq": self.index.seq, "lag": self.index.lag},
            "model": {
                "provider": self.loaded_model.provider,
                "warning": self.loaded_model.warning,
                "problem": self.loaded_model.problem or self._selection.problem,
            },
            "watch": self.reconciler.status(),
            "scrub": self.scrubber.progress(),
            "next": self.next_model_progress(),
            "training": self.trainer.training,
            "scanning": path_text(self.scanner.scanning),
            "in_work": self.queue.claimed_count,
            "done": self.read_count,
            "stalled": self.stall_monitor.problem,
        }

    def observe_progress(self) -> None:
        """Look whether the work that waits has advanced; the supervisor calls this again and again."""
        work: dict[str, Hashable] = {}
        if self.queue.claimed_count and not self.loaded_model.problem:
            work["reading files"] = (self.read_count, self.batcher.batches)
        if self.scanner.scanning:
            work[f"the scan of {path_text(self.scanner.scanning)}"] = self.scanner.files
        if not self.writer.idle:
            work["writing to the catalog"] = self.writer.commits
        self.stall_monitor.observe(work)

    def next_model_progress(self) -> "NextModelJson | None":
        """Return the progress of the next model, if there is one."""
        return None if self.next_model is None else self.next_model.progress()

    def switch_model_if_ready(self) -> None:
        """Make the next model the current one, once it has caught up."""
        if self.next_model is not None and self.next_model.caught_up:
            self.next_model.promote()
            self.must_restart = True

    @property
    def model_error(self) -> CatalogError | None:
        """Why the configured model cannot be used on this machine, if it cannot."""
        if self.next_model is not None:
            return self.next_model.error
        return self._selection.error if self.scrub is None else None

    def _commit(self, change: Change) -> Any:
        """Commit a change and return its result. If the writer has ended, raise its error instead of saying so."""
        try:
            return self.writer.commit(change)
        except RuntimeError:
            error = self.stages.error
            if isinstance(error, CatalogError):
                raise error from None
            raise StoreError(f"the catalog cannot be opened: {error}", "See the log.") from error

    def _record(self, result: FileResult) -> None:
        self.writer.put(
            partial(self.recorder.record, result), on_commit=partial(self._on_recorded, task_of(result).file)
        )

    def _on_recorded(self, file: int) -> None:
        self.read_count += 1
        self.queue.release(file)

    def _run_embedding(self) -> None:
        run_embedding(self.loaded_model, self.batcher, self.config.model, self._stop, self._on_model_open, eager=False)

    def _on_model_open(self, error: CatalogError | None) -> None:
        if error is None:
            return
        if self.once:
            raise error
        log.error("model_unusable", problem=error.problem, remedy=error.remedy)

    def _run_index(self) -> None:
        self.index.start()
        if self.index.note:
            log.info("index", note=self.index.note)
        self.index.run(self._stop, self._index_wake)
        self.writer.closed.wait(JOIN_SECONDS)  # the snapshot is to include what is committed last
        self.index.finish()
