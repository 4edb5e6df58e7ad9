"""Have a scrub done and follow it to its end: by the service that runs, or by one that is started for it.

How far a scrub has come: a bar on a terminal, a plain line now and then elsewhere. On stderr.
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
    """A context; call it with the run and with the bytes that it will read, if these are known."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._since: tuple[float, int] | None = None
        self._said = time.monotonic()

    def __enter__(self) -> "ScrubProgress":
        if sys.stderr.isatty():
            self._bar = byte_progress_bar()
            self._bar.start()
            self._task = self._bar.add_task("scrub", total=None)
        return self

    def __call__(self, run: ScrubRun, work: int | None) -> None:
        """Show where the run is."""
        now = time.monotonic()
        if self._bar is not None:
            bad = f", {run.different} differ" if run.different else ""
            self._bar.update(
                self._task, completed=run.bytes, total=work, description=f"{format_count(run.files)} files{bad}"
            )
        elif now - self._said >= PROGRESS_LINE_SECONDS:
            self._said = now
            click.echo(self._line(run, work, now), err=True)
        self._since = self._since or (now, run.bytes)

    def _line(self, run: ScrubRun, work: int | None, now: float) -> str:
        line = f"scrub: {format_count(run.files)} files, {format_size(run.bytes)}"
        if self._since is None or now <= self._since[0]:
            return line
        rate = (run.bytes - self._since[1]) / (now - self._since[0])
        line += f", {format_size(rate)}/s"
        return line + f", {(work - run.bytes) / rate / 60:.0f} min left" if work and rate else line

    def __exit__(self, *exc: object) -> None:
        if self._bar is not None:
            self._bar.stop()


POLL_SECONDS = 0.3
ANSWER_TIMEOUT_SECONDS = 30.0  # for a service to answer: it may be starting, or restarting
REREAD_TIMEOUT_SECONDS = 120.0  # for files that differ to be read again

OnProgress = Callable[[ScrubRun, int | None], None]  # told of a run and of the bytes it will read, if known


class ServiceScrub:
    """A scrub that the running service does."""

    def __init__(self, asking: CatalogContext) -> None:
        self._asking = asking
        self._service = ServiceClient(asking.config.state)
        self._ours = False
        self._id = 0

    def run(self, limit: int | None, watch: OnProgress) -> ScrubRun:
        """Ask for it and follow it. Raises KeyboardInterrupt, StoreFault, PlaceFault."""
        self._begin(limit)
        silent = 0.0
        while True:
            answer = self._service.scrub()
            run = find_run(self._asking.database, self._id)
            if run is None or run.ended is not None:
                break
            silent = 0.0 if answer else silent + POLL_SECONDS
            if silent > ANSWER_TIMEOUT_SECONDS:
                raise ResourceError("the service ended before the scrub did", "Scrub again: it goes on where it was.")
            live = answer["run"] if answer else None
            watch(ScrubRun(**live) if live and live["id"] == self._id else run, answer["work"] if answer else None)
            time.sleep(POLL_SECONDS)
        if run is None:
            raise StoreError("the scrub left no trace in the catalog", "See the service's log.")
        self._await_verdicts(run)
        return run

    def _begin(self, limit: int | None) -> None:
        deadline = time.monotonic() + ANSWER_TIMEOUT_SECONDS
        while (answer := self._service.begin_scrub(limit)) is None:
            if time.monotonic() > deadline:
                raise StoreError("the service does not answer", "See its log: `journalctl -u catalogd`.")
            time.sleep(POLL_SECONDS)
        self._id, self._ours = int(answer["run"]["id"]), bool(answer["fresh"])
        if not self._ours:
            click.echo("a scrub is at work already: this follows it", err=True)

    def _await_verdicts(self, run: ScrubRun) -> None:
        deadline = time.monotonic() + REREAD_TIMEOUT_SECONDS
        while count_awaiting_reread(self._asking.database, run) and time.monotonic() < deadline:
            time.sleep(POLL_SECONDS)

    def stop(self) -> ScrubRun | None:
        """End it, if it is ours, and wait until that is written down."""
        if not self._ours:
            return None
        self._service.cancel_scrub(self._id)
        deadline = time.monotonic() + ANSWER_TIMEOUT_SECONDS
        while (run := find_run(self._asking.database, self._id)) is not None and run.ended is None:
            if time.monotonic() > deadline:
                break
            time.sleep(POLL_SECONDS)
        return run


class ChildScrub:
    """A scrub by a service of our own, which ends with it."""

    def __init__(self, asking: CatalogContext) -> None:
        self._asking = asking
        self._before = latest_requested_run(asking.database)
        self._child: subprocess.Popen[bytes] | None = None

    def run(self, limit: int | None, watch: OnProgress) -> ScrubRun:
        """Start it and follow it. Raises KeyboardInterrupt, and the child's own fault."""
        config = self._asking.config
        service = ServiceClient(config.state)
        call = [os.fspath(service_program()), "--config", os.fspath(config.path), "--scrub"]
        call += [] if limit is None else ["--budget", f"{limit}B"]
        with tempfile.TemporaryFile("w+", errors="replace") as said:
            self._child = subprocess.Popen(call, stdout=said, stderr=said)
            while self._child.poll() is None:
                answer = service.scrub(POLL_SECONDS)
                if answer and answer["run"]:
                    watch(ScrubRun(**answer["run"]), answer["work"])
                time.sleep(POLL_SECONDS)
            said.seek(0)
            run, words = self._outcome(), said.read()
        if self._child.returncode or run is None:
            raise _child_error(self._child.returncode, words)
        if not sys.stderr.isatty():  # in a journal they belong; on a terminal they would tear the bar apart
            click.echo(words, nl=False, err=True)
        return run

    def _outcome(self) -> ScrubRun | None:
        run = latest_requested_run(self._asking.database)
        return None if run is None or (self._before and run.id <= self._before.id) else run

    def stop(self) -> ScrubRun | None:
        """End it in order."""
        if self._child is not None and self._child.poll() is None:
            with suppress(ProcessLookupError):
                self._child.send_signal(signal.SIGTERM)
            self._child.wait()
        return self._outcome()


def _child_error(code: int, words: str) -> CatalogError:
    """The child's own fault, in its own words."""
    told = {key: rest for key, _, rest in (line.partition(": ") for line in words.splitlines())}
    kind = next((kind for kind in (UsageError, ResourceError) if kind.exit_code == code), StoreError)
    if "error" not in told:
        click.echo(words, nl=False, err=True)
    return kind(
        told.get("error", f"the scrub's own service ended with {code}"), told.get("remedy", "Its log stands above.")
    )
