"""Parameter types for click: paths, image formats, durations, dates and sizes."""

import os
import re
import sys
from datetime import date
from typing import Any

import click
from click.shell_completion import CompletionItem


class BytesPath(click.ParamType[bytes]):
    """A path as bytes, exactly as the shell passed it."""

    name = "path"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Return the absolute path; symbolic links are not followed."""
        return value if isinstance(value, bytes) else os.path.abspath(os.fsencode(value))

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Leave the completion of file names to the shell."""
        return [CompletionItem(incomplete, type="file")]


STDIN = b"-"
ExpectedHashes = dict[bytes, bytes | None]  # path: SHA-256 of the content that is meant, if known


class ListedPath(BytesPath):
    """A path, or `-` for a list on stdin."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Return the absolute path, or `-` unchanged."""
        return STDIN if value in ("-", STDIN) else super().convert(value, param, ctx)


def collect_paths(paths: tuple[bytes, ...], nul: bool) -> ExpectedHashes:
    """Return each path once, in order, with its SHA-256 if stdin names one. `nul`: paths on stdin end with NUL."""
    found: ExpectedHashes = {path: None for path in paths if path != STDIN}
    if nul or STDIN in paths:
        from catalog.choices.targets import parse_named_files  # imports the database, which `catalogd --help` avoids

        found.update((file.path, file.sha256) for file in parse_named_files(sys.stdin.buffer.read(), nul))
    return found


class FormatName(click.ParamType[str]):
    """An image format, given by its name or by a file extension; case does not matter."""

    name = "format"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the catalog's name of the format; "" means no filter."""
        from models.decode.formats import FORMAT_BY_EXTENSION, FORMATS  # only for commands that filter by format

        text = str(value).lower().removeprefix(".")
        name = FORMAT_BY_EXTENSION.get(text, text)
        names = [row.name for row in FORMATS]
        if name and name not in names:
            self.fail(f"{value!r} is not one of {', '.join(names)}", param, ctx)
        return name

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Offer the names of the formats."""
        from models.decode.formats import FORMATS

        return [CompletionItem(row.name) for row in FORMATS if row.name.startswith(incomplete.lower())]


UNIT_SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
DURATION_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)", re.IGNORECASE)


def parse_duration(text: str) -> float:
    """Return seconds for a duration such as `30d`. Raises ValueError, also for a number without a unit."""
    found = DURATION_PATTERN.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    amount, unit = found.groups()
    return float(amount) * UNIT_SECONDS[unit.lower()]


class Duration(click.ParamType[float]):
    """A duration with its unit, such as `30d`."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return seconds."""
        if isinstance(value, float):
            return value
        try:
            return parse_duration(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a duration; write it like 30d, 12h or 2w", param, ctx)


DAY_PATTERN = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


def is_day(text: str) -> bool:
    """Return whether the text is a year, month or day of the calendar as in ISO 8601. Pure."""
    found = DAY_PATTERN.fullmatch(text)
    if found is None:
        return False
    year, month, day = found.groups()
    try:
        date(int(year), int(month or 1), int(day or 1))
    except ValueError:
        return False
    return True


class Day(click.ParamType[str]):
    """A year, a month or a day."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the same text; "" means no limit."""
        if value and not is_day(value):
            self.fail(f"{value!r} is not a date; write it like 2021, 2021-05 or 2021-05-31", param, ctx)
        return str(value)


UNIT_POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
SIZE_PATTERN = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b", re.IGNORECASE)


def parse_size(text: str) -> int:
    """Return bytes for a size such as `50GB`. 1 kB is 1000 bytes and 1 KiB is 1024, as in IEC 80000-13.

    Raises ValueError, also for a number without a unit: `--budget 50`, meant as gigabytes, would end after 50 bytes.
    """
    found = SIZE_PATTERN.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    amount, prefix, binary = found.groups()
    if binary and not prefix:
        raise ValueError(text)
    return int(float(amount) * (1024 if binary else 1000) ** UNIT_POWERS[prefix.lower()])


class Size(click.ParamType[int]):
    """A number of bytes with its unit, such as `50GB`."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return bytes."""
        if isinstance(value, int):
            return value
        try:
            return parse_size(str(value))
        except ValueError:
            self.fail(f"{value!r} is not a size; write it like 500MB, 50GB or 2TiB", param, ctx)
