"""The process that workers are forked from."""

import multiprocessing.forkserver
import os

from catalog.errors import ResourceError
from catalog.python_process import forkserver_context

PRELOAD_MODULES = [
    *(
        "daemon.intake.forkserver_preload",
        "daemon.main",
        "daemon.intake.worker",
        "daemon.intake.read_file",
        "daemon.intake.previous_content",
    ),
    *("models.decode.jpeg.decoder", "models.decode.png", "PIL.PngImagePlugin", "_strptime"),
]
THREADS_VARIABLE = "OPENBLAS_NUM_THREADS"


def start_forkserver() -> None:
    """Start it, if it does not run: single-threaded, and with the decoders imported: a worker costs milliseconds.

    Forking the service itself, with its threads, would not be safe. It imports beside us while we import the rest.
    Raises PlaceFault where it cannot be started.
    """
    # Threads of NumPy's BLAS spin for a thirtieth of a second before they sleep, also when they are just born. The
    # nursery has none: nobody there multiplies matrices, and what has threads is not to be forked.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    before = os.environ.get(THREADS_VARIABLE)
    os.environ[THREADS_VARIABLE] = "1"
    try:
        forkserver_context().set_forkserver_preload(PRELOAD_MODULES)
        multiprocessing.forkserver.ensure_running()
    except OSError as error:
        raise ResourceError(
            f"the process that readers are forked from cannot be started: {error}",
            "See that there is memory and room, and that $TMPDIR, if set, is a short name of a place to write to.",
        ) from error
    finally:
        del os.environ[THREADS_VARIABLE]
        if before is not None:
            os.environ[THREADS_VARIABLE] = before
