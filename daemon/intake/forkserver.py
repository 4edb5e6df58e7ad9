"""The forkserver: the process from which image workers are forked."""

import multiprocessing.forkserver
import os

from catalog.errors import ResourceError
from catalog.python_process import forkserver_context

# multiprocessing ignores an ImportError here; the first module ties the forkserver to this process.
PRELOAD_MODULES = [
    "daemon.intake.forkserver_preload",
    "daemon.main",
    "daemon.intake.worker",
    "daemon.intake.read_file",
    "daemon.intake.previous_content",
    "models.decode.jpeg.decoder",
    "models.decode.png",
    "PIL.PngImagePlugin",
    "_strptime",
]
THREADS_VARIABLE = "OPENBLAS_NUM_THREADS"


def start_forkserver() -> None:
    """Start the forkserver unless it runs. It has one thread and all decoders: a worker costs milliseconds.

    Forking the service itself, which has threads, would not be safe. The forkserver imports while this process does.

    Raises ResourceError if it cannot be started.
    """
    # The threads of NumPy's BLAS spin for a thirtieth of a second before they sleep, even right after they start.
    # The forkserver gets none: it multiplies no matrices, and a process with threads must not be forked.
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")
    before = os.environ.get(THREADS_VARIABLE)
    os.environ[THREADS_VARIABLE] = "1"
    try:
        forkserver_context().set_forkserver_preload(PRELOAD_MODULES)
        multiprocessing.forkserver.ensure_running()
    except OSError as error:
        raise ResourceError(
            f"cannot start the process that image workers are forked from: {error}",
            "Check that there is enough memory, and that $TMPDIR, if set, is a short path to a writable directory.",
        ) from error
    finally:
        del os.environ[THREADS_VARIABLE]
        if before is not None:
            os.environ[THREADS_VARIABLE] = before
