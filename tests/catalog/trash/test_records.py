"""The journal's lines of the trash: what they tell, whatever became of some of them."""

import json
import random

from catalog.trash.records import BEGUN, LEADS_TO, Deed, State, Stay, begin, fold, step

HOSTILE = b"/r/new\nline \xff.jpg"


def deed(number: int = 1, stay: Stay | None = None) -> Deed:
    place = b"/t/files/%d" % number
    return Deed(f"ab-{number}", 1764000000.123, HOSTILE, bytes(range(32)), 5, place, b"r/x", stay)


def test_a_deed_and_its_line_are_the_same() -> None:
    for stay in (None, Stay(b"/r/\xfe", bytes(32))):
        one = deed(stay=stay)
        assert fold([json.loads(json.dumps(begin(one)))]) == {"ab-1": one}


def test_each_line_leads_on() -> None:
    one = deed()
    lines = [begin(one)]
    for kind, word in (("trash", "done"), ("restore", "begin"), ("restore", "undone"), ("purge", "begin")):
        lines.append(step(one, kind, word, 1.0))
        assert fold(lines)["ab-1"].state is LEADS_TO[kind, word]
    assert fold(lines)["ab-1"].goal == HOSTILE


def test_the_info_file_stands_beside() -> None:
    assert deed().info == b"/t/info/1.trashinfo"
    assert deed().run == "ab"


def test_a_second_beginning_has_another_place() -> None:
    first, second = deed(), Deed(**{**{k: getattr(deed(), k) for k in Deed.__slots__}, "to": b"/t/files/1.2"})
    assert fold([begin(first), begin(second)])["ab-1"].to == b"/t/files/1.2"


def test_nonsense_and_other_kinds_are_passed_over() -> None:
    good = begin(deed())
    broken = [
        good | {"sha256": "zz"},
        good | {"bytes": None},
        {**good, "instead": 5},
        {"kind": "trash", "step": "done"},
    ]
    broken += [{"kind": "label", "value": "keep"}, {"kind": "trash", "step": ["done"], "id": "ab-1"}]
    broken[3]["id"] = "never begun"
    lone = {key: value for key, value in good.items() if key != "to"}
    assert fold([*broken[:3], lone]) == {}
    assert fold([good, *broken])["ab-1"].state is State.TRASHING


def test_a_journal_that_lost_its_end_is_at_most_one_step_behind() -> None:
    """Whatever is cut off at the end, each deed is in a state that it was in."""
    dice = random.Random(5)
    lines, states = [], []
    for number in range(20):
        one = deed(number)
        lines.append(begin(one))
        for kind, word in dice.choice(
            [
                [("trash", "done")],
                [("trash", "undone")],
                [("trash", "done"), ("restore", "begin"), ("restore", "done")],
                [("trash", "done"), ("purge", "begin"), ("purge", "done")],
            ]
        ):
            lines.append(step(one, kind, word, 1.0))
        states.append(LEADS_TO[kind, word])
    assert [one.state for one in fold(lines).values()] == states
    for length in range(len(lines)):
        assert sum(one.state in BEGUN for one in fold(lines[:length]).values()) <= 1
