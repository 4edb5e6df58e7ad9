"""The action that a sighting requires."""

import pytest

from catalog.files.decision import FileRow, SightingAction, action_for, retry_delay, too_many_crashes
from catalog.filesystem.stat_signature import Signature

SEEN = Signature(size=10, mtime_ns=20, ctime_ns=30, inode=40)


@pytest.mark.parametrize("state", ["ok", "rejected", "pending"])
def test_an_unchanged_file_is_skipped(state: str) -> None:
    assert action_for(SEEN, FileRow(1, state, SEEN)) is SightingAction.SKIP


@pytest.mark.parametrize("change", [{"size": 11}, {"mtime_ns": 19}, {"ctime_ns": 31}])
def test_a_file_with_another_size_or_time_is_read(change: dict[str, int]) -> None:
    assert action_for(SEEN, FileRow(1, "ok", SEEN._replace(**change))) is SightingAction.READ


def test_a_new_inode_is_recorded_without_a_read() -> None:
    assert action_for(SEEN, FileRow(1, "ok", SEEN._replace(inode=41))) is SightingAction.TOUCH


def test_new_and_returned_files_are_read() -> None:
    assert action_for(SEEN, None) is SightingAction.READ
    assert action_for(SEEN, FileRow(1, "gone", SEEN)) is SightingAction.READ


def test_retry_delays_grow_up_to_a_day() -> None:
    waits = [retry_delay(attempts) for attempts in range(20)]
    assert waits == sorted(waits)
    assert waits[0] < 60 < waits[-1] == 86400


def test_three_crashes_are_too_many() -> None:
    assert [too_many_crashes(attempts) for attempts in (1, 2, 3)] == [False, False, True]
