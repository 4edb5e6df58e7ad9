"""Console script of `catalogd`. The process that workers are forked from imports for as long as we do: it goes first,
before the command line is even read.
"""

import gc
import sys

ASKING = {"-h", "--help", "--version"}  # and nothing is to be done


def main() -> None:
    """Start the nursery, then the command. Workers import this file again, so all else is imported here."""
    gc.disable()  # until the service runs: what is imported stays, and there is nothing to be found
    if not ASKING & set(sys.argv[1:]):
        from daemon.nursery import start_nursery

        start_nursery()
    from daemon.cli import main as command

    command()
