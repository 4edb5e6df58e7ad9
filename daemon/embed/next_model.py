"""The next model: it embeds everything afresh beside the current one, which goes on answering until it is level."""

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import structlog

from catalog.config.load import Config
from catalog.crash_points import crash_point
from catalog.errors import CatalogError
from catalog.files.results import add_vector
from catalog.store.database import Database
from catalog.store.models import promote_next_model
from daemon.embed.batcher import EmbeddingBatcher, run_embedding
from daemon.embed.model_loader import LoadedModel
from daemon.embed.next_model_queue import NextModelQueue
from daemon.followers.index import IndexFollower
from daemon.intake.pool import WorkerPool, worker_settings
from daemon.intake.record import FileResult, outcome_router, task_of
from daemon.messages import Embedded
from daemon.writer import Writer
from models.bundle.folder import Bundle

if TYPE_CHECKING:
    from catalog.json_types.status import NextModelJson

LIVE_VECTORS_SQL = "SELECT count(*) FROM vector WHERE model = ? AND live = 1"
log = structlog.get_logger()


class NextModel:
    """Its stages are bodies for the service's threads. `refused`: why its bundle cannot be used here, or None."""

    def __init__(
        self,
        config: Config,
        bundle: Bundle,
        model: int,
        current: int,
        writer: Writer,
        stop: threading.Event,
        busy: Callable[[], bool],
    ) -> None:
        self.bundle, self._model, self._current = bundle, model, current
        self._writer, self._stop, self._settings = writer, stop, config.model
        self._database = Database(config.database, write=False)
        self._asking = threading.Lock()
        self.network = LoadedModel(bundle, config, model, writer)
        self.queue = NextModelQueue(config.database, model, busy)
        self.embedder = EmbeddingBatcher(config.model.batch or 8, self._record, stop)
        self.pool = WorkerPool(
            self.queue,
            worker_settings(config, model, bundle.recipe),
            _ignore_in_flight,
            config.intake.workers,
            config.intake.seconds,
            outcome_router(self.embedder.put, self._record),
            self.embedder.hurry,
        )
        self.index = IndexFollower(config.database, config.state, model, bundle.id, bundle.dims)
        self._index_wake = threading.Event()
        writer.wake_after_commit(self._index_wake)
        self.refused: CatalogError | None = None
        self._began = time.monotonic()
        self._had = self._vectors(model)

    def stages(self) -> Mapping[str, Callable[[], None]]:
        """Bodies by the names of their threads."""
        return {
            "next-index": self._follow,
            "next-embed": partial(
                run_embedding, self.network, self.embedder, self._settings, self._stop, self._refuse, eager=True
            ),
            "next-intake": self._read,
        }

    def wake(self) -> None:
        """Have every stage notice a stop."""
        self.queue.wake.set()
        self.embedder.wake()
        self._index_wake.set()

    @property
    def level(self) -> bool:
        """Whether it has embedded all that can be read now, and its index holds it: it may take over."""
        read = bool(self.network.provider) and self.queue.caught_up and not self.queue.claimed_count
        return read and self._writer.idle and not self.index.lag

    def take_over(self) -> None:
        """Make it the current model, in one transaction. The service has to be assembled anew afterwards."""
        crash_point("switch")
        self._writer.commit(partial(promote_next_model, now=time.time()))
        crash_point("switched")
        log.info("model_switched", model=self.bundle.name)

    def progress(self) -> "NextModelJson":
        """What `status` says of it; `seconds_left` is None while nobody can know."""
        done, total = self._vectors(self._model), self._vectors(self._current)
        fresh, seconds = done - self._had, time.monotonic() - self._began
        left = (total - done) * seconds / fresh if fresh > 0 and total > done else None
        return {
            "id": self.bundle.id,
            "name": self.bundle.name,
            "done": done,
            "total": max(done, total),
            "seconds_left": None if left is None else round(left),
            "problem": self.network.problem,
        }

    def _vectors(self, model: int) -> int:
        with self._asking:
            return int(self._database.value(LIVE_VECTORS_SQL, model))

    def _read(self) -> None:
        """Nothing is read before the model has proved itself: a bundle that is refused costs no work."""
        while not self._stop.is_set() and not self.network.provider:
            self._stop.wait(0.2)
        self.pool.run(self._stop)

    def _refuse(self, fault: CatalogError | None) -> None:
        self.refused = fault
        if fault is not None:
            log.error("next_model_unusable", problem=fault.problem, remedy=fault.remedy)

    def _follow(self) -> None:
        self.index.start()
        self.index.run(self._stop, self._index_wake)
        self._writer.closed.wait()
        self.index.finish()

    def _record(self, result: FileResult) -> None:
        """Only vectors are kept: what is wrong with a file is the current model's affair to tell."""
        release = partial(self.queue.release, task_of(result).file)
        if isinstance(result, Embedded):
            self._writer.put(partial(self._add, result), on_commit=release)
        else:
            release()

    def _add(self, result: Embedded, database: Database) -> None:
        content = database.value("SELECT id FROM content WHERE sha256 = ?", result.decoded.sha256)
        if content is not None:
            add_vector(database, content, self._model, result.vector)


def _ignore_in_flight(slot: int, file: int) -> None:
    """Its readers leave no trace in the slots: those files are well, and a crash is told by the current model."""
