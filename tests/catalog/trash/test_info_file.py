"""Info files follow the specification, and names in the trash are unique."""

import os
from itertools import islice
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from catalog.trash.info_file import InfoOwner, info_owner, info_text, trash_names, write_info

HOSTILE = b"d/new\nline \xff%20#.jpg"


def test_any_path_takes_one_line_and_is_read_back(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = info_text(HOSTILE, 0.0, "ab-1").split(b"\n")
    assert lines[0] == b"[Trash Info]" and lines[-1] == b""
    fields = dict(line.split(b"=", 1) for line in lines[1:-1])
    assert unquote_to_bytes(fields[b"Path"]) == HOSTILE
    assert set(fields) == {b"Path", b"DeletionDate", b"X-Catalogd-Deed"}


def test_the_date_is_local_time(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    try:
        assert b"DeletionDate=1970-01-01T12:00:00\n" in info_text(b"a", 0.0, "ab-1")
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_name_is_claimed_once_and_a_truncated_info_file_is_ours(tmp_path: Path) -> None:
    path, text = os.fsencode(tmp_path / "a.trashinfo"), info_text(b"a", 0.0, "ab-1")
    assert info_owner(path, text, "ab-1") is InfoOwner.NONE
    write_info(path, text)
    with pytest.raises(FileExistsError):
        write_info(path, text)
    assert info_owner(path, text, "ab-1") is InfoOwner.OURS
    assert info_owner(path, info_text(b"a", 0.0, "ab-2"), "ab-2") is InfoOwner.OTHER
    os.truncate(path, 20)
    assert info_owner(path, text, "ab-1") is InfoOwner.OURS
    (tmp_path / "a.trashinfo").write_bytes(b"[Trash Info]\nPath=a\nDeletionDate=2020-01-01T00:00:00\n")
    assert info_owner(path, text, "ab-1") is InfoOwner.OTHER


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"a.jpg", [b"a.jpg", b"a.2.jpg", b"a.3.jpg"]),
        (b".hidden", [b".hidden", b".hidden.2", b".hidden.3"]),
        (b"\xff", [b"\xff", b"\xff.2", b"\xff.3"]),
    ],
)
def test_names_are_numbered_before_their_extension(name: bytes, expected: list[bytes]) -> None:
    assert list(islice(trash_names(name), 3)) == expected


@pytest.mark.parametrize("name", [b"a" * 251 + b".jpg", "ä".encode() * 125 + b".jpg", b"a." + b"x" * 253])
def test_long_names_leave_room_for_the_suffix_and_stay_valid_utf8(name: bytes, tmp_path: Path) -> None:
    for expected in islice(trash_names(name), 12):
        assert len(expected) <= 245
        expected.decode()
        (tmp_path / f"{os.fsdecode(expected)}.trashinfo").touch()
    assert len(os.listdir(tmp_path)) == 12
