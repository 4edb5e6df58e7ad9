"""Spans of time as people type them: 30d, 12h, 2w."""

import re
from typing import Any

import click

SECONDS = {"s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
FORM = re.compile(r"(\d+(?:\.\d+)?)\s*(s|min|h|d|w)", re.IGNORECASE)


def read_duration(text: str) -> float:
    """Seconds. Raises ValueError: a bare number is refused, since nobody knows what it counts."""
    found = FORM.fullmatch(text.strip())
    if found is None:
        raise ValueError(text)
    return float(found[1]) * SECONDS[found[2].lower()]


class Duration(click.ParamType[float]):
    """A span of time with its unit."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        if isinstance(value, float):
            return value
        try:
            return read_duration(str(value))
        except ValueError:
            self.fail(f"{value!r} is no span of time; write it like 30d, 12h or 2w", param, ctx)
