"""The process that workers are forked from."""

import multiprocessing.forkserver

PRELOAD = ["daemon.cli", "daemon.worker", "models.jpeg", "models.png"]


def start_nursery() -> None:
    """Start it: single-threaded and with the decoders imported, so that a worker costs milliseconds.

    Forking the service itself, with its threads, would not be safe. It imports beside us while we import the rest.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOAD)
    multiprocessing.forkserver.ensure_running()
