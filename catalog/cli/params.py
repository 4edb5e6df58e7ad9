"""Amounts of bytes as people type them: 50GB, 500MB, 2TiB."""

import re
from typing import Any

import click

POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4, "p": 5}
FORM = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtp]?)(i?)b", re.IGNORECASE)


def read_size(text: str) -> int:
    """Bytes. A kB is 1000 of them and a KiB 1024, after IEC 80000-13. Raises ValueError.

    A bare number is refused: `--budget 50` meant as gigabytes would pass for done after fifty bytes.
    """
    found = FORM.fullmatch(text.strip())
    if found is None or (found[3] and not found[2]):
        raise ValueError(text)
    return int(float(found[1]) * (1024 if found[3] else 1000) ** POWERS[found[2].lower()])


class Size(click.ParamType[int]):
    """An amount of bytes with its unit."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Bytes."""
        if isinstance(value, int):
            return value
        try:
            return read_size(str(value))
        except ValueError:
            self.fail(f"{value!r} is no amount of bytes; write it like 500MB, 50GB or 2TiB", param, ctx)
