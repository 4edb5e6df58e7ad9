"""Start a scrub, in the running service or in a temporary one, and show its progress until it ends.

Progress goes to stderr: a bar on a terminal, a line every ten seconds elsewhere.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import click

from catalog.client.process import service_program
from catalog.client.service import ServiceClient
from catalog.console import byte_progress_bar, format_count, format_size
from catalog.context import CatalogContext
from catalog.errors import CatalogError, ResourceError, StoreError, UsageError
from catalog.integrity.bit_rot import count_awaiting_reread
from catalog.integrity.scrub_runs import ScrubRun, find_run, latest_requested_run

PROGRESS_LINE_SECONDS = 10.0


class ScrubProgress:
    """A context manager that shows progress; call it with the run and the bytes it will read, if known."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._first: tuple[float, int] | None = None  # when progress was first seen, and the bytes read by then
        self._last_line = time.monotonic()

    def __enter__(self) -> "ScrubProgress":
        if sys.stderr.isatty():
            self._bar = byte_progress_bar()
            self._bar.start()
            self._task = self._bar.add_task("scrub", total=None)
        return self

    def __call__(self, run: ScrubRun, total_bytes: int | None) -> None:
        """Show how far the run is."""
        now = time.monotonic()
        if self._bar is not None:
            differing = f", {run.different} differ" if run.different else ""
            description = f"{format_count(run.files)} files{differing}"
            self._bar.update(self._task, completed=run.bytes, total=total_bytes, description=description)
        elif now - self._last_line >= PROGRESS_LINE_SECONDS:
            self._last_line = now
            click.echo(self._line(run, total_bytes, now), err=True)
        self._first = self._first or (now, run.bytes)

    def _line(self, run: ScrubRun, total_bytes: int | None, now: float) -> str:
        line = f"scrub: {format_count(run.files)} files, {format_size(run.bytes)}"
        if self._first is None or now <= self._first[0]:
            return line
        first_at, first_bytes = self._first
        rate = (run.bytes - first_bytes) / (now - first_at)
        line += f", {format_size(rate)}/s"
        return line + f", {(total_bytes - run.bytes) / rate / 60:.0f} min left" if total_bytes and rate else line

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()


POLL_SECONDS = 0.3
ANSWER_TIMEOUT_SECONDS = 30.0  # the service may be starting or restarting
REREAD_TIMEOUT_SECONDS = 120.0  # for files with changed bytes to be read again

OnProgress = Callable[[ScrubRun, int | None], None]  # called with the run and the bytes it will read, if known


class ServiceScrub:
    """A scrub done by the running service."""

    def __init__(self, context: CatalogContext) -> None:
        self._context = context
        self._service = ServiceClient(context.config.state)
        self._started_by_us = False
        self._id = 0

    def run(self, limit: int | None, on_progress: OnProgress) -> ScrubRun:
        """Start the scrub, or join the one in progress, and return it when it has ended.

        `limit`: bytes to read; None for the rest of tonight's budget. Raises KeyboardInterrupt, StoreError,
        ResourceError.
        """
        self._begin(limit)
        silent = 0.0
        while True:
            answer = self._service.scrub()
            run = find_run(self._context.database, self._id)
            if run is None or run.ended is not None:
                break
            silent = 0.0 if answer else silent + POLL_SECONDS
            if silent > ANSWER_TIMEOUT_SECONDS:
                raise ResourceError(
                    "the service stopped before the scrub had finished",
                    "Run `catalog scrub` again: it continues where it stopped.",
                )
            live = answer["run"] if answer else None
            on_progress(
                ScrubRun(**live) if live and live["id"] == self._id else run, answer["work"] if answer else None
            )
            time.sleep(POLL_SECONDS)
        if run is None:
            raise StoreError(
                "the catalog has no record of the scrub", "See the service's log: `journalctl -u catalogd`."
            )
        self._await_verdicts(run)
        return run

    def _begin(self, limit: int | None) -> None:
        deadline = time.monotonic() + ANSWER_TIMEOUT_SECONDS
        while (answer := self._service.begin_scrub(limit)) is None:
            if time.monotonic() > deadline:
                raise StoreError("the service does not answer", "See its log: `journalctl -u catalogd`.")
            time.sleep(POLL_SECONDS)
        self._id, self._started_by_us = int(answer["run"]["id"]), bool(answer["fresh"])
        if not self._started_by_us:
            click.echo("a scrub is already running; showing its progress", err=True)

    def _await_verdicts(self, run: ScrubRun) -> None:
        deadline = time.monotonic() + REREAD_TIMEOUT_SECONDS
        while count_awaiting_reread(self._context.database, run) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def stop(self) -> ScrubRun | None:
        """Cancel the scrub if we started it, and return it once the catalog says it has ended; else None."""
        if not self._started_by_us:
            return None
        self._service.cancel_scrub(self._id)
        deadline = time.monotonic() + ANSWER_TIMEOUT_SECONDS
        while (run := find_run(self._context.database, self._id)) is not None and run.ended is None:
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        return run


class ChildScrub:
    """A scrub done by a temporary service, which exits when the scrub is done."""

    def __init__(self, context: CatalogContext) -> None:
        self._context = context
        self._previous = latest_requested_run(context.database)
        self._child: subprocess.Popen[bytes] | None = None

    def run(self, limit: int | None, on_progress: OnProgress) -> ScrubRun:
        """Start the service and return the scrub when it has ended.

        Raises KeyboardInterrupt, and the error that the service reported.
        """
        config = self._context.config
        service = ServiceClient(config.state)
        command = [os.fspath(service_program()), "--config", os.fspath(config.path), "--scrub"]
        command += [] if limit is None else ["--budget", f"{limit}B"]
        with tempfile.TemporaryFile("w+", errors="replace") as output:
            self._child = subprocess.Popen(command, stdout=output, stderr=output)
            while self._child.poll() is None:
                answer = service.scrub(POLL_SECONDS)
                if answer and answer["run"]:
                    on_progress(ScrubRun(**answer["run"]), answer["work"])
                time.sleep(POLL_SECONDS)
            output.seek(0)
            run, log = self._new_run(), output.read()
        if self._child.returncode or run is None:
            raise _child_error(self._child.returncode, log)
        if not sys.stderr.isatty():  # useful in a journal; on a terminal it would break the bar
            click.echo(log, nl=False, err=True)
        return run

    def _new_run(self) -> ScrubRun | None:
        run = latest_requested_run(self._context.database)
        return None if run is None or (self._previous and run.id <= self._previous.id) else run

    def stop(self) -> ScrubRun | None:
        """Stop the service gracefully and return the scrub; None if it never began."""
        if self._child is not None and self._child.poll() is None:
            with suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGTERM)
            self._child.wait()
        return self._new_run()


def _child_error(code: int, log: str) -> CatalogError:
    """Return the error that the service printed, as an exception of the same exit code."""
    fields = {key: value for key, _, value in (line.partition(": ") for line in log.splitlines())}
    kind = next((kind for kind in (UsageError, ResourceError) if kind.exit_code == code), StoreError)
    if "error" not in fields:
        click.echo(log, nl=False, err=True)
    return kind(
        fields.get("error", f"the scrub process exited with code {code}"), fields.get("remedy", "See its log above.")
    )
