"""What a kill left, and how it ended: judged from where the file is."""

import pytest

from catalog.trash.crash_recovery import Standing, Verdict, judge
from catalog.trash.info_file import Info
from catalog.trash.records import State

OLD, NEW, BOTH, NONE, LINKED = "old", "new", "both", "none", "linked"
OURS, OTHER, NO = Info.OURS, Info.OTHER, Info.NONE


def standing(where: str, info: Info, *, foreign_in: bool = False, foreign_out: bool = False) -> Standing:
    outside, inside = where in (OLD, BOTH, LINKED), where in (NEW, BOTH, LINKED)
    return Standing(
        outside=outside,
        ours_outside=outside and not foreign_out,
        inside=inside,
        ours_inside=inside and not foreign_in,
        one=where == LINKED,
        info=info,
    )


@pytest.mark.parametrize(
    ("found", "ended"),
    [
        (standing(OLD, NO), Verdict("trash", "undone")),  # killed once it was written down
        (standing(OLD, OURS), Verdict("trash", "undone", drop_info=True)),  # once the name was claimed
        (standing(NEW, OURS), Verdict("trash", "done")),  # once it was moved
        (standing(LINKED, OURS), Verdict("trash", "undone", drop_name=True, drop_info=True)),
        (standing(NEW, NO), Verdict("trash", "done", write_info=True)),  # a power cut lost the info file
        (standing(BOTH, OURS, foreign_out=True), Verdict("trash", "done")),  # moved, and another file came
        (standing(BOTH, NO, foreign_out=True), Verdict("trash", "done", write_info=True)),
        (standing(BOTH, OTHER), Verdict("trash", "undone")),  # somebody else claimed the name, with equal bytes
        (standing(BOTH, OTHER, foreign_in=True), Verdict("trash", "undone")),
        (standing(BOTH, OURS, foreign_in=True), Verdict("trash", "undone", drop_info=True)),
        (standing(BOTH, NO), Verdict("trash", "undone")),
        (standing(NONE, NO), Verdict("trash", "gone")),
        (standing(NONE, OURS), Verdict("trash", "gone", drop_info=True)),
        (standing(NEW, OTHER), Verdict("trash", "gone")),
    ],
)
def test_a_move_to_the_trash(found: Standing, ended: Verdict) -> None:
    assert judge(State.TRASHING, found) == ended


@pytest.mark.parametrize(
    ("found", "ended"),
    [
        (standing(NEW, OURS), Verdict("restore", "undone")),
        (standing(OLD, OURS), Verdict("restore", "done", drop_info=True)),
        (standing(OLD, NO), Verdict("restore", "done")),
        (standing(OLD, OTHER), Verdict("restore", "done")),
        (standing(LINKED, OURS), Verdict("restore", "done", drop_name=True, drop_info=True)),
        (standing(BOTH, OURS, foreign_out=True), Verdict("restore", "undone")),
        (standing(NONE, OURS), Verdict("trash", "gone", drop_info=True)),
    ],
)
def test_a_restore(found: Standing, ended: Verdict) -> None:
    assert judge(State.RESTORING, found) == ended


@pytest.mark.parametrize(
    ("found", "ended"),
    [
        (standing(NEW, OURS), Verdict("purge", "undone")),
        (standing(NONE, OURS), Verdict("purge", "done", drop_info=True)),
        (standing(NONE, NO), Verdict("purge", "done")),
        (standing(OLD, OURS), Verdict("purge", "done", drop_info=True)),
    ],
)
def test_a_purge(found: Standing, ended: Verdict) -> None:
    assert judge(State.PURGING, found) == ended


@pytest.mark.parametrize("state", [State.TRASHING, State.RESTORING, State.PURGING])
@pytest.mark.parametrize("where", [OLD, NEW, BOTH, NONE, LINKED])
@pytest.mark.parametrize("info", list(Info))
@pytest.mark.parametrize("foreign", [0, 1, 2, 3])
def test_healing_never_takes_a_last_name_and_never_anothers_info(
    state: State, where: str, info: Info, foreign: int
) -> None:
    found = standing(where, info, foreign_in=bool(foreign & 1), foreign_out=bool(foreign & 2))
    ended = judge(state, found)
    assert not ended.drop_name or found.one
    assert not ended.drop_info or info is OURS
    assert not ended.write_info or (info is NO and found.inside)
    assert not (ended.drop_info and ended.write_info)
