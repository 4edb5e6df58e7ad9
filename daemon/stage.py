"""What every stage is: a named thread whose death is seen and stops the service."""

import threading
from collections.abc import Callable

import structlog

from catalog.faults import Fault

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
                exc_info=None if isinstance(error, Fault) else error,
            )
            self._failed.set()
