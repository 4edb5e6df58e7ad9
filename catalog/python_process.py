"""Start processes of this Python that import nothing from the directory in which the command was typed.

`python -c` and `python -m` put the current directory first on sys.path: a file `numpy.py` there would be executed.
`-P` leaves it out, and unlike `-I` keeps the owner's PYTHONPATH and site-packages. An empty element of PYTHONPATH means
the current directory, too. It is kept: the interpreter has obeyed it before our first line.
"""

import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerContext


def module_command(module: str, *words: str) -> list[str]:
    """Return the command line that runs a module."""
    return [sys.executable, "-P", "-m", module, *words]


def forkserver_context() -> "ForkServerContext":
    """Return the context in which processes are started.

    multiprocessing starts the forkserver and the resource tracker by `python -c`, and again when one of them has died.
    It passes `-P` on only if this process was started with it, so the variable is set, and stays set.
    """
    from multiprocessing import get_context

    if not os.environ.get("PYTHONSAFEPATH"):  # once, before there are threads: setenv(3) is not safe among them
        os.environ["PYTHONSAFEPATH"] = "1"
    return get_context("forkserver")
