"""Progress of a full pass: a bar with rate and time left on a terminal, a line now and then in a log."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import structlog

from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.status import NextModelJson

LOG_SECONDS = 10.0
UPDATE_SECONDS = 0.5
log = structlog.get_logger()


class PassProgress:
    """A context manager; `update` is cheap and may be called as often as you like.

    `read_count`: returns the number of files read; `next_model`: the progress of the next model. `shown`: False
    prints nothing.
    """

    def __init__(
        self,
        database: Path,
        read_count: Callable[[], int],
        next_model: "Callable[[], NextModelJson | None]",
        shown: bool,
    ) -> None:
        self._read_count = read_count
        self._next_model = next_model
        self._shown = shown
        self._database = Database(database, write=False)
        self._started_at = self._updated_at = self._logged_at = time.monotonic()
        self._bar: Any = None

    def __enter__(self) -> "PassProgress":
        if self._shown and sys.stderr.isatty():
            from catalog.console import progress_bar

            self._bar = progress_bar()
            self._bar.start()
            self._task = self._bar.add_task("reading", total=None)
        return self

    def update(self) -> None:
        """Redraw the bar or log a line, if it is time."""
        now = time.monotonic()
        if not self._shown or now - self._updated_at < UPDATE_SECONDS:
            return
        self._updated_at = now
        done, left = self._read_count(), self._pending()
        if self._bar is not None:
            self._draw(done, left)
        elif now - self._logged_at >= LOG_SECONDS:
            self._logged_at = now
            rate = round(done / (now - self._started_at), 1)
            log.info("progress", read=done, left=left, per_second=rate, **self._next_model_counts())

    def _draw(self, done: int, left: int) -> None:
        description = "reading" if left or done else "scanning"
        if not left and (counts := self._next_model_counts()):
            description, done, left = f"embedding for {counts['next']}", counts["embedded"], counts["left"]
        self._bar.update(self._task, completed=done, total=(done + left) or None, description=description)

    def _next_model_counts(self) -> dict[str, Any]:
        """Return the progress of the next model; empty without one."""
        state = self._next_model()
        if state is None:
            return {}
        return {"next": state["name"], "embedded": state["done"], "left": state["total"] - state["done"]}

    def _pending(self) -> int:
        return int(self._database.value("SELECT coalesce(sum(files), 0) FROM tally WHERE state = 'pending'"))

    def __exit__(self, *exc: object) -> None:
        done, seconds = self._read_count(), time.monotonic() - self._started_at
        if self._bar is not None:
            self._bar.update(self._task, completed=done, total=done or 1, description="done" if done else "nothing new")
            self._bar.stop()
            self._print_summary(done, seconds)
        elif self._shown:
            log.info("pass_ended", read=done, seconds=round(seconds, 2))

    def _print_summary(self, done: int, seconds: float) -> None:
        counts: dict[str, int] = dict(self._database.rows("SELECT state, sum(files) FROM tally GROUP BY state"))
        states = ", ".join(f"{counts[state]:,} {state}" for state in ("ok", "rejected", "pending") if counts.get(state))
        files = "1 file" if done == 1 else f"{done:,} files"
        print(f"{files} read in {seconds:.1f} s; in the catalog: {states or 'nothing yet'}", file=sys.stderr)
