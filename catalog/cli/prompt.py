"""Ask before something is done that its owner may not want."""

import os
import sys

import click

from catalog.errors import UsageError


def confirm(question: str, *, yes: bool, stdin_taken: bool = False) -> bool:
    """Whether the answer is yes. `yes`: it was given beforehand; `stdin_taken`: stdin held a list, so the terminal
    itself is asked.

    Raises:
        UsageFault: nobody can be asked.
    """
    if yes:
        return True
    if stdin_taken:
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
    return UsageError("there is no terminal to ask at: nothing was done", "Look at it with --dry-run, then say --yes.")
