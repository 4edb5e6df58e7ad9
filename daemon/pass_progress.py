"""How far a pass has come: a bar with rate and time left on a terminal, a plain line now and then in a log."""

import sys
import time
from typing import TYPE_CHECKING, Any

import structlog

from catalog.store.database import Database

if TYPE_CHECKING:
    from daemon.service import Service

LOG_SECONDS = 10.0
UPDATE_SECONDS = 0.5
log = structlog.get_logger()


class PassProgress:
    """A context; `update` is cheap and may be called as often as one likes."""

    def __init__(self, service: "Service", shown: bool) -> None:
        self._service = service
        self._shown = shown
        self._database = Database(service.config.database, write=False)
        self._started = self._looked = self._said = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> "PassProgress":
        if self._shown and sys.stderr.isatty():
            from catalog.console import progress_bar

            self._bar = progress_bar()
            self._bar.start()
            self._task = self._bar.add_task("reading", total=None)
        return self

    def update(self) -> None:
        """Show where we are."""
        now = time.monotonic()
        if not self._shown or now - self._looked < UPDATE_SECONDS:
            return
        self._looked = now
        done, left = self._service.done, self._pending()
        if self._bar is not None:
            self._draw(done, left)
        elif now - self._said >= LOG_SECONDS:
            self._said = now
            rate = round(done / (now - self._started), 1)
            log.info("progress", read=done, left=left, per_second=rate, **self._following())

    def _draw(self, done: int, left: int) -> None:
        word = "reading" if left or done else "scanning"
        following = {} if left else self._following()
        if following:
            word, done, left = f"embedding for {following['next']}", following["embedded"], following["left"]
        self._bar.update(self._task, completed=done, total=(done + left) or None, description=word)

    def _following(self) -> dict[str, Any]:
        """How far the next model is, where there is one."""
        if self._service.successor is None:
            return {}
        told = self._service.successor.progress()
        return {"next": told["name"], "embedded": told["done"], "left": told["total"] - told["done"]}

    def _pending(self) -> int:
        return int(self._database.value("SELECT coalesce(sum(files), 0) FROM tally WHERE state = 'pending'"))

    def __exit__(self, *exc: object) -> None:
        done, seconds = self._service.done, time.monotonic() - self._started
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=done or 1, description="done" if done else "nothing new")
            self._bar.stop()
            self._sum_up(done, seconds)
        elif self._shown:
            log.info("pass_ended", read=done, seconds=round(seconds, 2))

    def _sum_up(self, done: int, seconds: float) -> None:
        counts: dict[str, int] = dict(self._database.rows("SELECT state, sum(files) FROM tally GROUP BY state"))
        states = ", ".join(f"{counts[state]:,} {state}" for state in ("ok", "rejected", "pending") if counts.get(state))
        print(f"{done:,} files read in {seconds:.1f} s; in the catalog: {states or 'nothing yet'}", file=sys.stderr)
