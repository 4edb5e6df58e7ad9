"""Paths that are named: as arguments, or as a list on stdin."""

import sys
from typing import Any

import click

from catalog.choices.targets import listed
from catalog.cli.options import BytesPath

STDIN = b"-"
Told = dict[bytes, bytes | None]


class ListedPath(BytesPath):
    """A path as the shell gave it, or `-` for a list on stdin."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Absolute, but for `-`."""
        return STDIN if value in ("-", STDIN) else super().convert(value, param, ctx)


def named_paths(paths: tuple[bytes, ...], nul: bool) -> Told:
    """Each path once, in order, with the SHA-256 that the list tells of it, if it does. `nul`: those of the list end
    with a NUL, as `find -print0` has it.
    """
    found: Told = {path: None for path in paths if path != STDIN}
    if nul or STDIN in paths:
        found.update((one.path, one.sha256) for one in listed(sys.stdin.buffer.read(), nul))
    return found
