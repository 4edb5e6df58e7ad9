"""Stages: the service's named threads. An exception in one of them stops the service."""

import threading
import time
from collections.abc import Callable

import structlog

from catalog.errors import CatalogError

JOIN_SECONDS = 60.0
log = structlog.get_logger()


class Stage(threading.Thread):
    """A thread that runs `body` and keeps the exception that ended it in `error`.

    The supervisor then stops the service: with a stage missing it would look alive and do nothing.
    """

    def __init__(self, name: str, body: Callable[[], None], failed: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._body = body
        self._failed = failed
        self.error: BaseException | None = None

    def run(self) -> None:
        """Thread body."""
        try:
            self._body()
        except BaseException as error:
            self.error = error
            # The command reports a CatalogError itself; only an unexpected exception needs its traceback here.
            log.error(
                "stage_failed",
                stage=self.name,
                error=str(error),
                exc_info=None if isinstance(error, CatalogError) else error,
            )
            self._failed.set()
        finally:
            log.debug("stage_ended", stage=self.name, core_seconds=round(time.thread_time(), 3))


class Stages:
    """The stages of one service, in the order in which they started. `failed` is set once one has raised."""

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.failed = threading.Event()
        self._all: list[Stage] = []

    def run(self, name: str, body: Callable[[], None]) -> None:
        """Start a stage that runs `body` once."""
        stage = Stage(name, body, self.failed)
        self._all.append(stage)
        stage.start()

    def repeat(self, name: str, step: Callable[[], None]) -> None:
        """Start a stage that calls `step` until the service stops."""

        def body() -> None:
            while not self._stop.is_set():
                step()

        self.run(name, body)

    def join(self, *names: str) -> None:
        """Wait for the named stages to end, for a minute each: a disk that hangs must not keep the service alive."""
        for stage in self._all:
            if stage.name in names:
                stage.join(JOIN_SECONDS)

    @property
    def error(self) -> BaseException | None:
        """The exception that ended a stage, if any."""
        return next((stage.error for stage in self._all if stage.error is not None), None)

    def dead(self) -> list[str]:
        """Return the names of stages that have ended."""
        return [stage.name for stage in self._all if not stage.is_alive()]
