"""What every stage is: a named thread whose death is seen and stops the service; and all stages of one service."""

import threading
import time
from collections.abc import Callable

import structlog

from catalog.errors import CatalogError

JOIN_SECONDS = 60.0
log = structlog.get_logger()


class Stage(threading.Thread):
    """Runs `body` until it returns. An exception is kept in `failure`: the supervisor ends the service for it,
    since a service that lost a stage and goes on looks alive and does nothing.
    """

    def __init__(self, name: str, body: Callable[[], None], failed: threading.Event) -> None:
        super().__init__(name=name, daemon=True)
        self._body = body
        self._failed = failed
        self.failure: BaseException | None = None

    def run(self) -> None:
        """The thread's body."""
        try:
            self._body()
        except BaseException as error:
            self.failure = error
            # A fault of ours is told in words by the edge; only for what nobody foresaw does it matter where it was.
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
    """The stages of one service, in the order of their start, until `stop` is set. `failed` is set once one has ended
    by an exception.
    """

    def __init__(self, stop: threading.Event) -> None:
        self._stop = stop
        self.failed = threading.Event()
        self._all: list[Stage] = []

    def run(self, name: str, body: Callable[[], None]) -> None:
        """Start one."""
        stage = Stage(name, body, self.failed)
        self._all.append(stage)
        stage.start()

    def repeat(self, name: str, step: Callable[[], None]) -> None:
        """Start one that takes step after step."""

        def body() -> None:
            while not self._stop.is_set():
                step()

        self.run(name, body)

    def join(self, *names: str) -> None:
        """Wait for the end of some, for a minute each: a disk that hangs must not keep the service from ending."""
        for stage in self._all:
            if stage.name in names:
                stage.join(JOIN_SECONDS)

    @property
    def fault(self) -> BaseException | None:
        """What ended a stage, if one has ended by an exception."""
        return next((stage.failure for stage in self._all if stage.failure is not None), None)

    def dead(self) -> list[str]:
        """Stages that should run and do not."""
        return [stage.name for stage in self._all if not stage.is_alive()]
