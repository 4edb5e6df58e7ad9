"""No name may be lost, and none may forge a line on a terminal."""

import json
import os

from hypothesis import given
from hypothesis import strategies as st

from catalog.formatting import safe, show, text


@given(st.binary(max_size=60))
def test_a_shown_path_is_one_printable_line(path: bytes) -> None:
    assert show(path).isprintable()


@given(st.binary(max_size=60).filter(lambda path: b"\0" not in path))
def test_json_gives_back_the_very_bytes(path: bytes) -> None:
    assert os.fsencode(json.loads(json.dumps(text(path)))) == path


def test_escapes_are_readable() -> None:
    assert show(b"a\nb\x1b[31m\xff") == "a\\nb\\x1b[31m\\xff"
    assert safe(text(b"\xff")) == "\\xff"
    assert show("Grüße 猫".encode()) == "Grüße 猫"
