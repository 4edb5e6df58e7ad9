"""The next model: embed every image for it while the current model answers, and switch once it has caught up."""

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
from catalog.store.isolation import isolated
from catalog.store.models import count_live_vectors, promote_next_model
from daemon.embed.batcher import EmbeddingBatcher, run_embedding
from daemon.embed.model_loader import LoadedModel
from daemon.embed.next_model_queue import NextModelQueue
from daemon.followers.index import IndexFollower
from daemon.intake.pool import WorkerPool, worker_settings
from daemon.intake.record import task_of
from daemon.messages import Embedded, FileResult
from daemon.writer import Writer
from models.bundle.folder import Bundle

if TYPE_CHECKING:
    from catalog.json_types.status import NextModelJson

log = structlog.get_logger()


class NextModel:
    """The stages of the next model, as bodies for the service's threads. `error`: why its bundle cannot be used here.

    `is_reading`: whether the current model has files to read; those go first.
    """

    def __init__(
        self,
        config: Config,
        bundle: Bundle,
        model: int,
        current: int,
        writer: Writer,
        stop: threading.Event,
        is_reading: Callable[[], bool],
    ) -> None:
        self.bundle, self._model, self._current = bundle, model, current
        self._writer, self._stop, self._settings = writer, stop, config.model
        self._database = Database(config.database, write=False)
        self._database_lock = threading.Lock()
        self.loaded_model = LoadedModel(bundle, config, model, writer)
        self.queue = NextModelQueue(config.database, model, is_reading)
        self.batcher = EmbeddingBatcher(config.model.batch or 8, self._record, stop)
        self.pool = WorkerPool(
            self.queue,
            worker_settings(config, model, bundle.recipe),
            lambda slot, file: None,  # these files have been read before without a crash
            config.intake.workers,
            config.intake.seconds,
            self.batcher.route,
            self.batcher.flush,
        )
        self.index = IndexFollower(config.database, config.state, model, bundle.id, bundle.dims)
        self._index_wake = threading.Event()
        writer.wake_after_commit(self._index_wake)
        self.error: CatalogError | None = None
        self._started_at = time.monotonic()
        self._initial_vectors = self._count_vectors(model)

    def stages(self) -> Mapping[str, Callable[[], None]]:
        """Return the stages' bodies by thread name."""
        return {
            "next-index": self._run_index,
            "next-embed": partial(
                run_embedding, self.loaded_model, self.batcher, self._settings, self._stop, self._set_error, eager=True
            ),
            "next-intake": self._run_pool,
        }

    def wake(self) -> None:
        """Make every stage notice a stop."""
        self.queue.wake.set()
        self.batcher.wake()
        self._index_wake.set()

    @property
    def caught_up(self) -> bool:
        """Whether every readable image is embedded and indexed, so that this model can become the current one."""
        all_read = bool(self.loaded_model.provider) and self.queue.caught_up and not self.queue.claimed_count
        return all_read and self._writer.idle and not self.index.lag

    def promote(self) -> None:
        """Make this the current model, in one transaction. A new service must be assembled afterwards."""
        crash_point("switch")
        self._writer.commit(partial(promote_next_model, now=time.time()))
        crash_point("switched")
        log.info("model_switched", model=self.bundle.name)

    def progress(self) -> "NextModelJson":
        """Return the progress for `catalog status`."""
        done, total = self._count_vectors(self._model), self._count_vectors(self._current)
        added, seconds = done - self._initial_vectors, time.monotonic() - self._started_at
        left = (total - done) * seconds / added if added > 0 and total > done else None
        return {
            "id": self.bundle.id,
            "name": self.bundle.name,
            "done": done,
            "total": max(done, total),
            "seconds_left": None if left is None else round(left),
            "problem": self.loaded_model.problem,
        }

    def _count_vectors(self, model: int) -> int:
        with self._database_lock:
            return count_live_vectors(self._database, model)

    def _run_pool(self) -> None:
        """Read nothing before the model is attested: a bundle that fails costs no work."""
        while not self._stop.is_set() and not self.loaded_model.provider:
            self._stop.wait(0.2)
        self.pool.run(self._stop)

    def _set_error(self, error: CatalogError | None) -> None:
        self.error = error
        if error is not None:
            log.error("next_model_unusable", problem=error.problem, remedy=error.remedy)

    def _run_index(self) -> None:
        self.index.start()
        self.index.run(self._stop, self._index_wake)
        self._writer.closed.wait()
        self.index.finish()

    def _record(self, result: FileResult) -> None:
        """Store vectors only: problems with a file are recorded when the current model reads it."""
        release = partial(self.queue.release, task_of(result).file)
        if isinstance(result, Embedded):
            self._writer.put(partial(self._add_vector, result), on_commit=release)
        else:
            release()

    def _add_vector(self, result: Embedded, database: Database) -> None:
        content = database.value("SELECT id FROM content WHERE sha256 = ?", result.decoded.sha256)
        if content is not None:
            path = result.decoded.task.path
            isolated(
                database,
                partial(add_vector, database, content, self._model, result.vector),
                lambda problem: log.error("not_recorded", path=path, problem=problem),
            )
