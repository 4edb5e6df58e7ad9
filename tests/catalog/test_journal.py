"""The journal: entries are read back, whatever a crash left at its end."""

import json
import os
import resource
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from catalog.errors import ResourceError
from catalog.journal import append, format_timestamp, parse_timestamp, read, undo_append
from catalog.state_dir import JOURNAL

ONE = {"at": "2026-01-01T00:00:00.000Z", "kind": "label", "value": "keep", "path": "/r/na\udcffme\n.jpg"}
TWO = {"at": "2026-01-02T00:00:00.000Z", "kind": "accept", "path": "/r"}


def test_appended_entries_are_read_in_order_from_a_private_file(tmp_path: Path) -> None:
    assert list(read(tmp_path)) == []
    append(tmp_path, [ONE])
    append(tmp_path, [TWO, ONE])
    append(tmp_path, [])
    assert list(read(tmp_path)) == [ONE, TWO, ONE]
    assert os.fsencode(str(ONE["path"])) == b"/r/na\xffme\n.jpg"
    assert (tmp_path / JOURNAL).read_bytes().count(b"\n") == 3
    assert stat.S_IMODE((tmp_path / JOURNAL).stat().st_mode) == 0o600


@pytest.mark.parametrize("tail", [b'{"at": "20', b"\0\0\0\0", b'{"kind": 7}', b"[1]", b"\xff\xfe", b"{}"])
def test_a_torn_line_does_not_affect_entries_before_and_after_it(tmp_path: Path, tail: bytes) -> None:
    append(tmp_path, [ONE])
    with (tmp_path / JOURNAL).open("ab") as file:
        file.write(tail)
    assert list(read(tmp_path)) == [ONE]
    append(tmp_path, [TWO])
    assert list(read(tmp_path)) == [ONE, TWO]


@pytest.mark.parametrize("room", [0, 40])
def test_a_full_disk_raises_and_leaves_the_journal_unchanged(tmp_path: Path, room: int) -> None:
    append(tmp_path, [ONE])
    before = (tmp_path / JOURNAL).read_bytes()
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) + room, limits[1]))
    try:
        with pytest.raises(ResourceError, match="could not be written"):
            append(tmp_path, [TWO] * 100)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / JOURNAL).read_bytes() == before


def test_an_append_is_undone_unless_others_appended_meanwhile(tmp_path: Path) -> None:
    append(tmp_path, [ONE])
    before = (tmp_path / JOURNAL).read_bytes()
    written = append(tmp_path, [TWO])
    assert written is not None and undo_append(tmp_path, written)
    assert (tmp_path / JOURNAL).read_bytes() == before
    written = append(tmp_path, [TWO])
    append(tmp_path, [ONE])
    assert written is not None and not undo_append(tmp_path, written)
    assert list(read(tmp_path)) == [ONE, TWO, ONE]
    (tmp_path / JOURNAL).unlink()
    assert not undo_append(tmp_path, written)


WRITER = """
import sys
from pathlib import Path
from catalog.journal import append
for number in range(200):
    append(Path(sys.argv[1]), [{"at": "", "kind": "test", "by": sys.argv[2], "number": number, "fill": "x" * 3000}])
"""


def test_two_writers_never_mix_lines(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, name]) for name in "ab"]
    assert [writer.wait(100) for writer in writers] == [0, 0]
    found = list(read(tmp_path))
    assert len((tmp_path / JOURNAL).read_text().splitlines()) == 400
    for name in "ab":
        assert [entry["number"] for entry in found if entry["by"] == name] == list(range(200))


def test_an_unreadable_journal_raises(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).mkdir()
    with pytest.raises(ResourceError, match="cannot be read"):
        list(read(tmp_path))


@pytest.mark.parametrize("at", [0.0, 1764000000.123, 4102444799.999])
def test_timestamps_round_trip_to_the_millisecond(at: float) -> None:
    assert parse_timestamp(format_timestamp(at)) == at
    assert json.loads(json.dumps(format_timestamp(at))).endswith("Z")


@pytest.mark.parametrize("at", [-62_135_596_800.0, 0.0, 1796056580.125, 253_402_300_799.0])
def test_times_of_the_years_1_to_9999_round_trip(at: float) -> None:
    assert parse_timestamp(format_timestamp(at)) == at


@pytest.mark.parametrize("at", [-(2.0**63), -(2.0**62), -62_135_596_801.0, 253_402_300_800.0, 2.0**62, 2.0**63])
def test_a_time_outside_these_years_is_written_in_seconds(at: float) -> None:
    assert format_timestamp(at) == f"@{at:.0f}"
