"""A name exists if its directory lists it, on filesystems that tell all spellings apart and on others."""

import os
import unicodedata
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from catalog.filesystem.listed_names import exists_as_listed, other_spellings

names = st.text(st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=12).filter(
    lambda name: name not in (".", "..")
)


@given(names)
def test_the_spellings_of_a_name_contain_each_case_and_composition(name: str) -> None:
    spellings = {os.fsdecode(other) for other in other_spellings(name.encode())} | {name}
    for form in ("NFC", "NFD"):
        assert {unicodedata.normalize(form, one) for one in (name, name.upper(), name.lower())} <= spellings


@given(st.binary(min_size=1, max_size=12).filter(lambda name: b"/" not in name and b"\0" not in name))
def test_a_name_that_is_no_unicode_has_spellings_of_its_letters(name: bytes) -> None:
    assert name not in other_spellings(name)
    if name.isalpha():
        assert name.swapcase() in other_spellings(name)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(names, min_size=1, max_size=4, unique=True))
def test_where_spellings_are_told_apart_every_listed_file_exists(tmp_path: Path, found: list[str]) -> None:
    for old in tmp_path.iterdir():
        old.unlink()
    first, *others = (os.fsencode(tmp_path / name) for name in found)
    try:
        Path(os.fsdecode(first)).touch()
        for other in others:
            os.link(first, other)  # another spelling of the same file, and listed
    except OSError:
        return  # a name that this filesystem refuses
    top = os.fsencode(tmp_path)
    assert all(exists_as_listed(path, top) for path in (first, *others))
    assert not exists_as_listed(first + b"~", top)


def test_what_cannot_be_looked_at_is_an_error_and_not_an_absence(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="too long"):
        exists_as_listed(os.fsencode(tmp_path) + b"/" + b"a" * 300, os.fsencode(tmp_path))
