"""Paths for terminals and JSON: no byte is lost, and no name forges a line."""

import json
import os

from hypothesis import given
from hypothesis import strategies as st

from catalog.formatting import path_text, printable_path, printable_text


@given(st.binary(max_size=60))
def test_a_printed_path_is_one_printable_line(path: bytes) -> None:
    assert printable_path(path).isprintable()


@given(st.binary(max_size=60).filter(lambda path: b"\0" not in path))
def test_json_restores_the_exact_bytes(path: bytes) -> None:
    assert os.fsencode(json.loads(json.dumps(path_text(path)))) == path


def test_escapes_are_readable() -> None:
    assert printable_path(b"a\nb\x1b[31m\xff") == "a\\nb\\x1b[31m\\xff"
    assert printable_text(path_text(b"\xff")) == "\\xff"
    assert printable_path("Grüße 猫".encode()) == "Grüße 猫"
