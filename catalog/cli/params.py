"""Amounts of bytes as people type them: 50GB, 500MB, 2TiB.

Days as people type them: 2021, 2021-05, 2021-05-31.

Spans of time as people type them: 30d, 12h, 2w.

Formats as people name them: as the catalog does, or by the end of a file's name.

Paths that are named: as arguments, or as a list on stdin.
"""

import os
import re
import sys
from datetime import date
from typing import Any

import click
from click.shell_completion import CompletionItem


class BytesPath(click.ParamType[bytes]):
    """A path as the bytes that the shell gave."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Absolute, without following links."""
        return value if isinstance(value, bytes) else os.path.abspath(os.fsencode(value))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """File names, as the shell itself knows them."""
        return [CompletionItem(incomplete, type="file")]


STDIN = b"-"
ExpectedHashes = dict[bytes, bytes | None]


class ListedPath(BytesPath):
    """A path as the shell gave it, or `-` for a list on stdin."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Absolute, but for `-`."""
        return STDIN if value in ("-", STDIN) else super().convert(value, param, ctx)


def collect_paths(paths: tuple[bytes, ...], nul: bool) -> ExpectedHashes:
    """Each path once, in order, with the SHA-256 that the list tells of it, if it does. `nul`: those of the list end
    with a NUL, as `find -print0` has it.
    """
    found: ExpectedHashes = {path: None for path in paths if path != STDIN}
    if nul or STDIN in paths:
        from catalog.choices.targets import (
            parse_named_files,  # brings the database, which `catalogd --help` does without
        )

        found.update((one.path, one.sha256) for one in parse_named_files(sys.stdin.buffer.read(), nul))
    return found


class FormatName(click.ParamType[str]):
    """A format by its name or by an ending of file names, in either case."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The name that the catalog knows; "" stands for none."""
        from models.decode.formats import FORMAT_BY_EXTENSION, FORMATS  # only for commands that filter by format

        text = str(value).lower().removeprefix(".")
        name = FORMAT_BY_EXTENSION.get(text, text)
        names = [row.name for row in FORMATS]
        if name and name not in names:
            self.fail(f"{value!r} is none of {', '.join(names)}", param, ctx)
        return name

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """The names."""
        from models.decode.formats import FORMATS

        return [CompletionItem(row.name) for row in FORMATS if row.name.startswith(incomplete.lower())]


UNIT_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
DURATION_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)", re.IGNORECASE)


def parse_duration(text: str) -> float:
    """Seconds. Raises ValueError: a bare number is refused, since nobody knows what it counts."""
    found = DURATION_PATTERN.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    return float(found[1]) * UNIT_SECONDS[found[2].lower()]


class Duration(click.ParamType[float]):
    """A span of time with its unit."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        try:
            return parse_duration(str(value))
        except ValueError:
            self.fail(f"{value!r} is no span of time; write it like 30d, 12h or 2w", param, ctx)


DAY_PATTERN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


def is_day(text: str) -> bool:
    """Whether it is a year, a month or a day of the calendar, after ISO 8601. Pure."""
    found = DAY_PATTERN.fullmatch(text)
    if found is None:
        return False
    try:
        date(int(found[1]), int(found[2] or 1), int(found[3] or 1))
    except ValueError:
        return False
    return True


class Day(click.ParamType[str]):
    """A year, a month or a day."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same text; "" stands for none."""
        if value and not is_day(value):
            self.fail(f"{value!r} is no day; write it like 2021, 2021-05 or 2021-05-31", param, ctx)
        return str(value)


UNIT_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
SIZE_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Bytes. A kB is 1000 of them and a KiB 1024, after IEC 80000-13. Raises ValueError.

    A bare number is refused: `--budget 50` meant as gigabytes would pass for done after fifty bytes.
    """
    found = SIZE_PATTERN.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise ValueError(text)
    return int(float(found[1]) * (1024 if found[3] else 1000) ** UNIT_POWERS[found[2].lower()])


class Size(click.ParamType[int]):
    """An amount of bytes with its unit."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        if isinstance(value, int):
            return value
        try:
            return parse_size(str(value))
        except ValueError:
            self.fail(f"{value!r} is no amount of bytes; write it like 500MB, 50GB or 2TiB", param, ctx)
