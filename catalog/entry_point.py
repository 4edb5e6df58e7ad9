"""The outer edge of both commands: here errors become words, once, and an exit code."""

import os
import sys
from typing import Any

import click

from catalog.errors import CatalogError

EXIT_USAGE = 2
EXIT_INTERRUPTED = 130


def run_command(command: click.Command, prog_name: str | None = None) -> None:
    """Run a click command and exit with the code tabled in the README."""
    sys.exit(_exit_code(command, prog_name))


def _exit_code(command: click.Command, prog_name: str | None) -> int:
    try:
        result: Any = command.main(prog_name=prog_name, standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except CatalogError as fault:
        print_error(fault.problem, fault.remedy)
        return fault.exit_code
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        return EXIT_USAGE
    except (click.Abort, KeyboardInterrupt):
        return EXIT_INTERRUPTED
    except SystemExit:
        return 0  # click's answer to a closed pipe: the reader (`head`) has seen enough, and that is no finding
    except BrokenPipeError:
        # The same, met at the last flush: no error, and no second one when Python flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def print_error(problem: str, remedy: str) -> None:
    """One error and what to do about it, on stderr."""
    # In one piece: a stage that is ending may log its own line at the same moment.
    error, way_out = click.style("error:", fg="red", bold=True), click.style("remedy:", fg="green")
    click.echo(f"{error} {problem}\n{way_out} {remedy}", err=True)
