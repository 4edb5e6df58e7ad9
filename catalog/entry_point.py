"""Run a click command; print its error and turn it into an exit code."""

import os
import sys
from typing import Any

import click

from catalog import exit_codes
from catalog.errors import CatalogError


def run_command(command: click.Command, prog_name: str | None = None) -> None:
    """Run a click command and exit; the README lists the exit codes."""
    sys.exit(_exit_code(command, prog_name))


def _exit_code(command: click.Command, prog_name: str | None) -> int:
    try:
        result: Any = command.main(prog_name=prog_name, standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else exit_codes.OK
    except CatalogError as error:
        print_error(error.problem, error.remedy)
        return error.exit_code
    except click.exceptions.Exit as request:
        return request.exit_code
    except click.ClickException as error:
        error.show(sys.stderr)
        return exit_codes.USAGE
    except (click.Abort, KeyboardInterrupt):
        return exit_codes.INTERRUPTED
    except SystemExit:
        return exit_codes.OK  # click's reaction to a closed pipe: the reader (such as `head`) has seen enough
    except BrokenPipeError:
        # A closed pipe at the last flush: not an error; the redirection prevents a second one when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exit_codes.OK


def print_error(problem: str, remedy: str) -> None:
    """Print an error and its remedy on stderr."""
    # In one write: another thread may log a line at the same moment.
    error_label, remedy_label = click.style("error:", fg="red", bold=True), click.style("remedy:", fg="green")
    click.echo(f"{error_label} {problem}\n{remedy_label} {remedy}", err=True)
