"""Sizes with units on the command line."""

import pytest

from catalog.cli.params import parse_size


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("500B", 500),
        ("50GB", 50_000_000_000),
        ("500MB", 500_000_000),
        ("2TiB", 2 << 40),
        ("1.5 kB", 1500),
        (" 3kib ", 3072),
        ("0GB", 0),
    ],
)
def test_a_size_with_its_unit_is_parsed_to_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["50", "", "GB", "-1GB", "1,5GB", "5iB", "5 bytes", "1e9B", "5GBs", "0x5B"])
def test_an_ambiguous_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_size(text)
