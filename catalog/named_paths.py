"""Paths that are named: as arguments, or as a list on stdin."""

import os
import sys
from collections.abc import Iterator
from typing import Any

import click

from catalog.asking import BytesPath

STDIN = b"-"


class ListedPath(BytesPath):
    """A path as the shell gave it, or `-` for a list on stdin."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Absolute, but for `-`."""
        return STDIN if value in ("-", STDIN) else super().convert(value, param, ctx)


def named_paths(paths: tuple[bytes, ...], nul: bool) -> list[bytes]:
    """Each path once, in order. `nul`: those of a list end with a NUL and not with a line, as `find -print0` has it."""
    found: dict[bytes, None] = {}
    for path in paths:
        found.update(dict.fromkeys(_listed(nul) if path == STDIN else [path]))
    return list(found)


def _listed(nul: bool) -> Iterator[bytes]:
    for line in sys.stdin.buffer.read().split(b"\0" if nul else b"\n"):
        if line:
            yield os.path.abspath(line)
