"""The body of a worker process: tasks in, outcomes out, within limits that cost one file and not the service."""

import gc
import resource
import signal
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

from catalog.sandbox import confine
from daemon.messages import ReadTask, Rejected, WorkerOutcome
from models.decode.reason import RejectReason
from models.recipe import Recipe

RECYCLE_DIVISOR = 2  # a worker that ever held more than 1/2 of its limit makes room for a fresh one


class WorkerSettings(NamedTuple):
    """All a worker needs to know, once."""

    database: Path
    model: int
    recipe: Recipe
    memory_bytes: int
    max_pixels: int


def run_worker(pipe: Connection, orders: WorkerSettings) -> None:
    """Answer tasks until the pipe closes, or until memory has grown so far that a new process is cheaper."""
    # The parent, which starts us, is to begin without the decoders; the nursery has them already.
    from daemon.intake.previous_content import DatabaseLookup
    from daemon.intake.read_file import read_file

    gc.freeze()  # what the nursery imported lives to the end, and stays shared memory as long as nobody walks it
    gc.enable()
    _apply_limits(orders.memory_bytes)
    known = DatabaseLookup(orders.database, orders.model)
    pipe.send(None)  # ready: from here on, an end is some file's doing
    while True:
        try:
            task = pipe.recv()
        except (EOFError, ConnectionResetError):
            return
        try:
            outcome: WorkerOutcome = read_file(task, orders.recipe, orders.memory_bytes // 4, orders.max_pixels, known)
        except MemoryError:
            outcome = _out_of_memory(task)
        pipe.send(outcome)
        if resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 > orders.memory_bytes // RECYCLE_DIVISOR:
            return


def _out_of_memory(task: ReadTask) -> WorkerOutcome:
    return Rejected(task, "decode", RejectReason.MEMORY, "more than a worker may have", transient=True)


def _apply_limits(memory_bytes: int) -> None:
    """The parent alone handles signals from a terminal."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    confine(memory_bytes, may_write=True)
