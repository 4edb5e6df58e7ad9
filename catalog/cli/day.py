"""Days as people type them: 2021, 2021-05, 2021-05-31."""

import re
from datetime import date
from typing import Any

import click

FORM = re.compile(r"(\d{4})(?:-(\d{2})(?:-(\d{2}))?)?")


def is_day(text: str) -> bool:
    """Whether it is a year, a month or a day of the calendar, after ISO 8601. Pure."""
    found = FORM.fullmatch(text)
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
