"""Dates and image formats on the command line."""

import click
import pytest

from catalog.cli.params import FormatName, is_day
from models.decode.formats import FORMATS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021", True),
        ("2021-05", True),
        ("2024-02-29", True),
        ("2023-02-29", False),
        ("2021-13", False),
        ("21", False),
        ("2021-5", False),
        ("banana", False),
        ("2021-05-31T10:00", False),
        ("0000", False),
    ],
)
def test_only_dates_of_the_calendar_are_accepted(text: str, expected: bool) -> None:
    assert is_day(text) is expected


def test_every_name_and_extension_in_the_table_names_its_format() -> None:
    for row in FORMATS:
        for text in (row.name, *(f".{extension.upper()}" for extension in row.extensions)):
            assert FormatName().convert(text, None, None) == row.name
    assert FormatName().convert("", None, None) == ""
    with pytest.raises(click.BadParameter, match="jpeg, png"):
        FormatName().convert("doc", None, None)
