"""Console script of `catalogd`: start the forkserver before anything else, so that it imports at the same time."""

import atexit
import gc
import os
import sys
from contextlib import suppress

INFORMATIONAL_OPTIONS = {"-h", "--help", "--version"}  # these start no service


def main() -> None:
    """Start the forkserver, then the command. Workers import this module too, so all other imports are in here."""
    gc.disable()  # until the service runs: imported objects stay, and the collector would find nothing
    exit_codes: list[int] = []
    atexit.register(_exit_without_teardown, exit_codes)
    if not INFORMATIONAL_OPTIONS & set(sys.argv[1:]):
        from catalog.errors import CatalogError
        from daemon.intake.forkserver import start_forkserver

        with suppress(CatalogError):  # the command tries again and reports the error
            start_forkserver()
    from daemon.cli import main as command

    try:
        command()
    except SystemExit as exit_request:
        exit_codes.append(exit_request.code if isinstance(exit_request.code, int) else 1)
        raise


def _exit_without_teardown(exit_codes: list[int]) -> None:
    """Exit at once. Registered first, so it runs last, when everything is closed; tearing the interpreter down would
    take a hundredth of a short pass.
    """
    if exit_codes:
        os._exit(exit_codes[0])
