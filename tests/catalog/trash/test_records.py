"""Trash records are read from the journal, whatever its lines contain."""

import json
import random

from catalog.trash.records import (
    STATE_AFTER_STEP,
    UNFINISHED_STATES,
    RecordState,
    Survivor,
    TrashRecord,
    begin_entry,
    records_from_journal,
    step_entry,
)

HOSTILE = b"/r/new\nline \xff.jpg"


def record(number: int = 1, kept: Survivor | None = None) -> TrashRecord:
    place = b"/t/files/%d" % number
    return TrashRecord(f"ab-{number}", 1764000000.123, HOSTILE, bytes(range(32)), 5, place, b"r/x", kept)


def test_a_record_survives_the_journal() -> None:
    for kept in (None, Survivor(b"/r/\xfe", bytes(32))):
        one = record(kept=kept)
        assert records_from_journal([json.loads(json.dumps(begin_entry(one)))]) == {"ab-1": one}


def test_each_line_changes_the_state() -> None:
    one = record()
    lines = [begin_entry(one)]
    for kind, step in (("trash", "done"), ("restore", "begin"), ("restore", "undone"), ("purge", "begin")):
        lines.append(step_entry(one, kind, step, 1.0))
        assert records_from_journal(lines)["ab-1"].state is STATE_AFTER_STEP[kind, step]
    assert records_from_journal(lines)["ab-1"].restore_target == HOSTILE


def test_the_info_path_follows_from_the_trash_path() -> None:
    assert record().info_path == b"/t/info/1.trashinfo"
    assert record().run == "ab"


def test_a_second_begin_line_replaces_the_trash_path() -> None:
    first, second = (
        record(),
        TrashRecord(**{**{k: getattr(record(), k) for k in TrashRecord.__slots__}, "trash_path": b"/t/files/1.2"}),
    )
    assert records_from_journal([begin_entry(first), begin_entry(second)])["ab-1"].trash_path == b"/t/files/1.2"


def test_malformed_lines_and_other_kinds_are_skipped() -> None:
    good = begin_entry(record())
    broken = [
        good | {"sha256": "zz"},
        good | {"bytes": None},
        {**good, "instead": 5},
        {"kind": "trash", "step": "done"},
    ]
    broken += [{"kind": "label", "value": "keep"}, {"kind": "trash", "step": ["done"], "id": "ab-1"}]
    broken[3]["id"] = "never begun"
    lone = {key: value for key, value in good.items() if key != "to"}
    assert records_from_journal([*broken[:3], lone]) == {}
    assert records_from_journal([good, *broken])["ab-1"].state is RecordState.TRASHING


def test_a_truncated_journal_is_at_most_one_step_behind() -> None:
    """Wherever the journal is cut, each record is in a state that it was in."""
    rng = random.Random(5)
    lines, states = [], []
    for number in range(20):
        one = record(number)
        lines.append(begin_entry(one))
        for kind, step in rng.choice(
            [
                [("trash", "done")],
                [("trash", "undone")],
                [("trash", "done"), ("restore", "begin"), ("restore", "done")],
                [("trash", "done"), ("purge", "begin"), ("purge", "done")],
            ]
        ):
            lines.append(step_entry(one, kind, step, 1.0))
        states.append(STATE_AFTER_STEP[kind, step])
    assert [one.state for one in records_from_journal(lines).values()] == states
    for length in range(len(lines)):
        assert sum(one.state in UNFINISHED_STATES for one in records_from_journal(lines[:length]).values()) <= 1
