"""The service: the one list of stages, their start in order and their end in order."""

import threading
from functools import partial
from typing import Any

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
from daemon.intake.pool import WorkerPool, worker_settings
from daemon.intake.queue import PendingQueue
from daemon.intake.record import FileResult, ResultRecorder, outcome_router, service_crash_change, task_of
from daemon.messages import ScrubBudget
from daemon.scan.scheduler import Scanner
from daemon.scan.volume_monitor import VolumeMonitor
from daemon.scrub.stage import Scrubber
from daemon.stage import JOIN_SECONDS, Stages
from daemon.watch.hint_follower import HintFollower
from daemon.watch.reconciler import WatchReconciler
from daemon.writer import Change, Writer

log = structlog.get_logger()
YOUNG_FACTOR = 2  # times `open_seconds`: a file younger than that may still be in the making


class Service:
    """All stages of one catalog. With `once` nothing is watched; `settled` tells when the pass, or `scrub`, is done."""

    def __init__(self, config: Config, once: bool, scrub: ScrubBudget | None = None) -> None:
        self.config = config
        self.once = once
        self.scrub = scrub
        self._stop = threading.Event()
        self.reload_asked = False
        self.renewed = False  # this one has to end, and another one to be assembled: there is another model
        self.done = 0
        self.writer = Writer(config.database)
        self.stages = Stages(self._stop)
        self.stages.run("write", self.writer.run)
        try:
            self._assemble(config, once)
        except Exception:
            self.writer.stop()
            self.stages.join("write")  # it may be saying something too: one after the other
            raise

    def _assemble(self, config: Config, once: bool) -> None:
        self.clock = ClockMonitor(self._ask, self._stop)
        choice = select_model(config, self._ask)
        bundle, self.model, self._choice = choice.bundle, choice.model, choice
        self.network = LoadedModel(bundle, config, self.model, self.writer)
        self.in_flight = InFlightFiles(config.state)
        self._ask(service_crash_change(self.in_flight.pop_leftover()))
        self.guard = VolumeMonitor(config, self.writer)
        self.scanner = Scanner(config, self.writer, once)
        self.scout = HintFollower(config, self.writer, self.scanner.request)
        self.sentry = WatchReconciler(config, self.guard, self.scanner.request, self.scout.submit)
        self.queue = PendingQueue(config.database)
        self.recorder = ResultRecorder(self.model, 0.0 if once else YOUNG_FACTOR * config.watch.open_seconds)
        self.embedder = EmbeddingBatcher(config.model.batch or 8, self._record, self._stop)
        self.pool = WorkerPool(
            self.queue,
            worker_settings(config, self.model, bundle.recipe),
            self.in_flight.set,
            config.intake.workers,
            config.intake.seconds,
            outcome_router(self.embedder.put, self._record),
            self.embedder.hurry,
        )
        self.index = IndexFollower(config.database, config.state, self.model, bundle.id, bundle.dims)
        self._index_wake = threading.Event()
        self.scrubber = Scrubber(config, self.writer, self._stop, self._reading, once=once, order=self.scrub)
        self.housekeeper = NightlyBackup(config, self.writer, self._stop)
        self.successor: NextModel | None = None
        if choice.following is not None and self.scrub is None:
            self.successor = NextModel(config, *choice.following, self.model, self.writer, self._stop, self._reading)
        self.writer.wake_after_commit(self.queue.wake)
        self.writer.wake_after_commit(self._index_wake)
        tower = TextTowerKey(self.model, bundle.text.id if bundle.text else "", bundle.dims)
        self.scorer = Scorer(config.database, self.writer, tower, self.network.words)
        self.trainer = Trainer(config, self.writer, self._stop)
        self.answerer = ApiServer(
            config.state / SOCKET,
            operation_table(self.index.search, self.network, self.live, self._ask_to_reload, self.scrubber),
        )

    def start(self) -> None:
        """Start every stage, in the order in which they need one another."""
        self.guard.refresh()
        self.sentry.start(watch=not self.once)
        self.stages.run("index", self._follow)
        embedding = partial(run_embedding, self.network, self.embedder, self.config.model, self._stop, self._unusable)
        self.stages.run("embed", partial(embedding, eager=False))
        self.stages.run("intake", partial(self.pool.run, self._stop))
        self.stages.repeat("keep", self.housekeeper.step)
        self.stages.repeat("score", self.scorer.step)
        self.stages.repeat("clock", self.clock.step)
        if self.scrub is None:
            self.stages.repeat("scan", self.scanner.step)
            self.stages.repeat("train", self.trainer.step)
        if self.scrub is not None or not self.once:
            self.stages.run("scrub", self.scrubber.run)
        if self.successor is not None:
            for name, body in self.successor.stages().items():
                self.stages.run(name, body)
        if not self.once:
            self.stages.repeat("scout", self.scout.step)
            self.stages.repeat("sentry", self.sentry.step)
        self.answerer.start()

    def stop(self) -> None:
        """End in order: nothing new comes in, what is in work is dropped (it stays pending), what was handed to the
        writer is committed, the index is saved.
        """
        self._stop.set()
        self.stages.join("sentry")  # it tends the watches, which are for one thread at a time
        self.sentry.stop()
        self.scanner.stop()
        self.queue.wake.set()
        self.embedder.wake()
        self.scorer.wake.set()
        if self.successor is not None:
            self.successor.wake()
        self.answerer.stop()
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
        """Follow a new configuration as far as a running service can, and scan now."""
        if (config.state, config.intake) != (self.config.state, self.config.intake):
            log.warning("restart_needed", why="state and [intake] are read at the start only")
        if config.model != self.config.model:
            configured_bundle(config)  # a bundle that cannot be read must not end what runs
            self.renewed = True
        self.config = config
        for stage in (self.scout, self.scanner, self.sentry, self.scrubber, self.housekeeper):
            stage.reconfigure(config)

    def _reading(self) -> bool:
        return self.queue.claimed_count > 0

    def _ask_to_reload(self) -> None:
        self.reload_asked = True

    def settled(self) -> bool:
        """Whether all there is to do is done: scanned, read, embedded, committed, and the index caught up."""
        work = (self.scanner if self.scrub is None else self.scrubber, self.housekeeper, self.writer)
        return (
            all(stage.idle for stage in work)
            and self.queue.claimed_count == 0
            and self.queue.exhausted()
            and not self.index.lag
            and (self.scrub is not None or not self.trainer.has_work)
            and not self.scorer.lag
            and (self.successor is None or self.refusal is not None)
        )

    def live(self) -> StatusAnswer:
        """What only the running service knows: the object behind `catalog status`."""
        crash_point("answer")
        return {
            "index": {"size": self.index.size, "seq": self.index.seq, "lag": self.index.lag},
            "model": {
                "provider": self.network.provider,
                "warning": self.network.warning,
                "problem": self.network.problem or self._choice.problem,
            },
            "watch": self.sentry.told(),
            "scrub": self.scrubber.progress(),
            "next": None if self.successor is None else self.successor.progress(),
            "training": self.trainer.training,
            "scanning": path_text(self.scanner.scanning),
            "in_work": self.queue.claimed_count,
            "done": self.done,
        }

    def renew(self) -> None:
        """Let the next model take over, once it is level."""
        if self.successor is not None and self.successor.level:
            self.successor.take_over()
            self.renewed = True

    @property
    def refusal(self) -> CatalogError | None:
        """Why the wanted model cannot be used here, if it cannot."""
        wanted = self._choice.fault if self.scrub is None else None
        return wanted if self.successor is None else self.successor.refused

    def _ask(self, change: Change) -> Any:
        """Ask the writer; should its store have failed, say that and not that it is gone."""
        try:
            return self.writer.commit(change)
        except RuntimeError:
            fault = self.stages.error
            if isinstance(fault, CatalogError):
                raise fault from None
            raise StoreError(f"the catalog cannot be opened: {fault}", "See the log.") from fault

    def _record(self, result: FileResult) -> None:
        self.writer.put(self.recorder.change(result), on_commit=partial(self._recorded, task_of(result).file))

    def _recorded(self, file: int) -> None:
        self.done += 1
        self.queue.release(file)

    def _unusable(self, fault: CatalogError | None) -> None:
        if fault is None:
            return
        if self.once:
            raise fault
        log.error("model_unusable", problem=fault.problem, remedy=fault.remedy)

    def _follow(self) -> None:
        self.index.start()
        if self.index.note:
            log.info("index", note=self.index.note)
        self.index.run(self._stop, self._index_wake)
        self.writer.closed.wait(JOIN_SECONDS)  # what is committed last belongs into the snapshot too
        self.index.finish()
