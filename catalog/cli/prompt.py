"""Ask for confirmation before an action that the user may not want."""

import os
import sys

import click

from catalog.errors import UsageError

TRASH_REMEDY = "Review the plan with --dry-run, then repeat the command with --yes."


def confirm(question: str, *, yes: bool, stdin_used: bool = False, remedy: str = TRASH_REMEDY) -> bool:
    """Return whether the user agrees. `yes`: agreed on the command line; `stdin_used`: ask on /dev/tty, since stdin
    was a list.

    Raises UsageError with `remedy` if there is no terminal.
    """
    if yes:
        return True
    if stdin_used:
        return _ask_terminal(question, remedy)
    if not sys.stdin.isatty():
        raise _no_terminal_error(remedy)
    return click.confirm(question, err=True)


def _ask_terminal(question: str, remedy: str) -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        raise _no_terminal_error(remedy) from None
    try:
        os.write(terminal, f"{question} [y/N]: ".encode())
        return os.read(terminal, 100).strip().lower() in (b"y", b"yes")
    finally:
        os.close(terminal)


def _no_terminal_error(remedy: str) -> UsageError:
    return UsageError("cannot ask for confirmation without a terminal; nothing was done", remedy)
