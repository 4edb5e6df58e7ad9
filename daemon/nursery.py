"""The process that workers are forked from."""

import multiprocessing.forkserver
import os

PRELOAD = [
    *("daemon.tether", "daemon.cli", "daemon.worker", "daemon.examine", "daemon.known"),
    *("models.jpeg", "models.png", "PIL.PngImagePlugin", "models.decoders", "_strptime"),
]


def start_nursery() -> None:
    """Start it: single-threaded and with the decoders imported, so that a worker costs milliseconds.

    Forking the service itself, with its threads, would not be safe. It imports beside us while we import the rest.
    """
    # Threads of NumPy's BLAS spin for a thirtieth of a second before they sleep, also when they are just born.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    multiprocessing.forkserver.ensure_running()
