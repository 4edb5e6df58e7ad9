"""Start Python processes that import nothing from the current directory.

`python -c` and `python -m` put the current directory first on sys.path: a file `numpy.py` there would be executed.
`-P` leaves it out, and unlike `-I` keeps the owner's PYTHONPATH and site-packages. An empty element of PYTHONPATH also
means the current directory. It is kept: the interpreter applies it before our first line runs.
"""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module."""
    return [sys.executable, "-P", "-m", module, *arguments]


def forkserver_context() -> "ForkServerContext":
    """Return the multiprocessing context that starts processes by forkserver.

    multiprocessing starts the forkserver and the resource tracker by `python -c`, and again after one of them died. It
    passes `-P` on only if this process was started with it; so PYTHONSAFEPATH is set, and stays set.
    """
    from multiprocessing import get_context

    if not os.environ.get("PYTHONSAFEPATH"):  # only once, before there are threads: setenv(3) is not thread-safe
        os.environ["PYTHONSAFEPATH"] = "1"
    return get_context("forkserver")
