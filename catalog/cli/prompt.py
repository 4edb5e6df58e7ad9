"""Ask for confirmation before an action that the user may not want."""

import os
import sys

import click

from catalog.errors import UsageError


def confirm(question: str, *, yes: bool, stdin_used: bool = False) -> bool:
    """Return whether the user agrees. `yes`: agreed on the command line; `stdin_used`: ask on /dev/tty, since stdin
    was a list.

    Raises UsageError if there is no terminal.
    """
    if yes:
        return True
    if stdin_used:
        return _ask_terminal(question)
    if not sys.stdin.isatty():
        raise _no_terminal_error()
    return click.confirm(question, err=True)


def _ask_terminal(question: str) -> bool:
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        raise _no_terminal_error() from None
    try:
        os.write(terminal, f"{question} [y/N]: ".encode())
        return os.read(terminal, 100).strip().lower() in (b"y", b"yes")
    finally:
        os.close(terminal)


def _no_terminal_error() -> UsageError:
    return UsageError(
        "cannot ask for confirmation without a terminal; nothing was done",
        "Review the plan with --dry-run, then repeat the command with --yes.",
    )
