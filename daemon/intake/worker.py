"""The main function of a worker process: read files within limits that cost one file, never the service."""

import gc
import resource
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from catalog.sandbox import confine
from daemon.messages import Rejected, WorkerOutcome
from models.decode.reason import RejectReason
from models.recipe import Recipe

RECYCLE_DIVISOR = 2  # a worker that has used more than 1/2 of its memory limit is replaced


class WorkerSettings(NamedTuple):
    """What a worker is told when it starts. `model`: row id."""

    database: Path
    model: int
    recipe: Recipe
    memory_bytes: int
    max_pixels: int


def run_worker(pipe: Connection, settings: WorkerSettings) -> None:
    """Answer tasks until the pipe closes, or until the process has grown so much that a new one is cheaper."""
    # The service must start without the decoders; the forkserver has already imported them.
    from daemon.intake.previous_content import DatabaseLookup
    from daemon.intake.read_file import read_file

    gc.freeze()  # preloaded objects live to the end, and their pages stay shared as long as the collector skips them
    gc.enable()
    _apply_limits(settings.memory_bytes)
    lookup = DatabaseLookup(settings.database, settings.model)
    max_bytes = settings.memory_bytes // 4
    pipe.send(None)  # ready: from here on, a file is the likely cause if this process dies
    while True:
        try:
            task = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            outcome: WorkerOutcome = read_file(task, settings.recipe, max_bytes, settings.max_pixels, lookup)
        except MemoryError:
            detail = "needs more memory than a worker may use"
            outcome = Rejected(task, "decode", RejectReason.MEMORY, detail, transient=True)
        pipe.send(outcome)
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > settings.memory_bytes // RECYCLE_DIVISOR:
            return


def _apply_limits(memory_bytes: int) -> None:
    """Confine this process, and leave the signals of a terminal to the service."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    confine(memory_bytes, may_write=True)
