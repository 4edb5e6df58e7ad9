"""How far a scrub has come: a bar on a terminal, a plain line now and then elsewhere. On stderr."""

import sys
import time
from typing import Any

import click

from catalog.console import byte_bar, figure, size
from catalog.integrity.scrub_runs import Run

LINE_SECONDS = 10.0


class ScrubProgress:
    """A context; call it with the run and with the bytes that it will read, if these are known."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._since: tuple[float, int] | None = None
        self._said = time.monotonic()

    def __enter__(self) -> "ScrubProgress":
        if sys.stderr.isatty():
            self._bar = byte_bar()
            self._bar.start()
            self._task = self._bar.add_task("scrub", total=None)
        return self

    def __call__(self, run: Run, work: int | None) -> None:
        """Show where the run is."""
        now = time.monotonic()
        if self._bar is not None:
            bad = f", {run.different} differ" if run.different else ""
            self._bar.update(self._task, completed=run.bytes, total=work, description=f"{figure(run.files)} files{bad}")
        elif now - self._said >= LINE_SECONDS:
            self._said = now
            click.echo(self._line(run, work, now), err=True)
        self._since = self._since or (now, run.bytes)

    def _line(self, run: Run, work: int | None, now: float) -> str:
        line = f"scrub: {figure(run.files)} files, {size(run.bytes)}"
        if self._since is None or now <= self._since[0]:
            return line
        rate = (run.bytes - self._since[1]) / (now - self._since[0])
        line += f", {size(rate)}/s"
        return line + f", {(work - run.bytes) / rate / 60:.0f} min left" if work and rate else line

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()
