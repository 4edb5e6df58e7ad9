"""The journal's lines of the trash: what they tell, whatever became of some of them."""

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


def deed(number: int = 1, stay: Survivor | None = None) -> TrashRecord:
    place = b"/t/files/%d" % number
    return TrashRecord(f"ab-{number}", 1764000000.123, HOSTILE, bytes(range(32)), 5, place, b"r/x", stay)


def test_a_deed_and_its_line_are_the_same() -> None:
    for stay in (None, Survivor(b"/r/\xfe", bytes(32))):
        one = deed(stay=stay)
        assert records_from_journal([json.loads(json.dumps(begin_entry(one)))]) == {"ab-1": one}


def test_each_line_leads_on() -> None:
    one = deed()
    lines = [begin_entry(one)]
    for kind, word in (("trash", "done"), ("restore", "begin"), ("restore", "undone"), ("purge", "begin")):
        lines.append(step_entry(one, kind, word, 1.0))
        assert records_from_journal(lines)["ab-1"].state is STATE_AFTER_STEP[kind, word]
    assert records_from_journal(lines)["ab-1"].restore_target == HOSTILE


def test_the_info_file_stands_beside() -> None:
    assert deed().info_path == b"/t/info/1.trashinfo"
    assert deed().run == "ab"


def test_a_second_beginning_has_another_place() -> None:
    first, second = (
        deed(),
        TrashRecord(**{**{k: getattr(deed(), k) for k in TrashRecord.__slots__}, "trash_path": b"/t/files/1.2"}),
    )
    assert records_from_journal([begin_entry(first), begin_entry(second)])["ab-1"].trash_path == b"/t/files/1.2"


def test_nonsense_and_other_kinds_are_passed_over() -> None:
    good = begin_entry(deed())
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


def test_a_journal_that_lost_its_end_is_at_most_one_step_behind() -> None:
    """Whatever is cut off at the end, each deed is in a state that it was in."""
    dice = random.Random(5)
    lines, states = [], []
    for number in range(20):
        one = deed(number)
        lines.append(begin_entry(one))
        for kind, word in dice.choice(
            [
                [("trash", "done")],
                [("trash", "undone")],
                [("trash", "done"), ("restore", "begin"), ("restore", "done")],
                [("trash", "done"), ("purge", "begin"), ("purge", "done")],
            ]
        ):
            lines.append(step_entry(one, kind, word, 1.0))
        states.append(STATE_AFTER_STEP[kind, word])
    assert [one.state for one in records_from_journal(lines).values()] == states
    for length in range(len(lines)):
        assert sum(one.state in UNFINISHED_STATES for one in records_from_journal(lines[:length]).values()) <= 1
