"""Console script of `catalogd`. The process that workers are forked from imports for as long as we do: it goes first,
before the command line is even read.
"""

import atexit
import gc
import os
import sys
from contextlib import suppress

INFORMATIONAL_OPTIONS = {"-h", "--help", "--version"}  # and nothing is to be done


def main() -> None:
    """Start the nursery, then the command. Workers import this file again, so all else is imported here."""
    gc.disable()  # until the service runs: what is imported stays, and there is nothing to be found
    code: list[int] = []
    atexit.register(_exit_without_teardown, code)
    if not INFORMATIONAL_OPTIONS & set(sys.argv[1:]):
        from catalog.errors import CatalogError
        from daemon.intake.forkserver import start_forkserver

        with suppress(CatalogError):  # the command tries again, and has words for it
            start_forkserver()
    from daemon.cli import main as command

    try:
        command()
    except SystemExit as end:
        code.append(end.code if isinstance(end.code, int) else 1)
        raise


def _exit_without_teardown(code: list[int]) -> None:
    """Runs last, being registered first: all is closed by then, and to take the interpreter apart as well would be a
    hundredth of a short pass.
    """
    if code:
        os._exit(code[0])
