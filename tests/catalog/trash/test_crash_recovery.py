"""What a kill left, and how it ended: judged from where the file is."""

import pytest

from catalog.trash.crash_recovery import ObservedState, Resolution, resolve
from catalog.trash.info_file import InfoOwner
from catalog.trash.records import RecordState

OLD, NEW, BOTH, NONE, LINKED = "old", "new", "both", "none", "linked"
OURS, OTHER, NO = InfoOwner.OURS, InfoOwner.OTHER, InfoOwner.NONE


def standing(where: str, info: InfoOwner, *, foreign_in: bool = False, foreign_out: bool = False) -> ObservedState:
    outside, inside = where in (OLD, BOTH, LINKED), where in (NEW, BOTH, LINKED)
    return ObservedState(
        exists_outside=outside,
        matches_outside=outside and not foreign_out,
        exists_inside=inside,
        matches_inside=inside and not foreign_in,
        same_file=where == LINKED,
        info=info,
    )


@pytest.mark.parametrize(
    ("found", "ended"),
    [
        (standing(OLD, NO), Resolution("trash", "undone")),  # killed once it was written down
        (standing(OLD, OURS), Resolution("trash", "undone", unlink_info=True)),  # once the name was claimed
        (standing(NEW, OURS), Resolution("trash", "done")),  # once it was moved
        (standing(LINKED, OURS), Resolution("trash", "undone", unlink_entry=True, unlink_info=True)),
        (standing(NEW, NO), Resolution("trash", "done", write_info=True)),  # a power cut lost the info file
        (standing(BOTH, OURS, foreign_out=True), Resolution("trash", "done")),  # moved, and another file came
        (standing(BOTH, NO, foreign_out=True), Resolution("trash", "done", write_info=True)),
        (standing(BOTH, OTHER), Resolution("trash", "undone")),  # somebody else claimed the name, with equal bytes
        (standing(BOTH, OTHER, foreign_in=True), Resolution("trash", "undone")),
        (standing(BOTH, OURS, foreign_in=True), Resolution("trash", "undone", unlink_info=True)),
        (standing(BOTH, NO), Resolution("trash", "undone")),
        (standing(NONE, NO), Resolution("trash", "gone")),
        (standing(NONE, OURS), Resolution("trash", "gone", unlink_info=True)),
        (standing(NEW, OTHER), Resolution("trash", "gone")),
    ],
)
def test_a_move_to_the_trash(found: ObservedState, ended: Resolution) -> None:
    assert resolve(RecordState.TRASHING, found) == ended


@pytest.mark.parametrize(
    ("found", "ended"),
    [
        (standing(NEW, OURS), Resolution("restore", "undone")),
        (standing(OLD, OURS), Resolution("restore", "done", unlink_info=True)),
        (standing(OLD, NO), Resolution("restore", "done")),
        (standing(OLD, OTHER), Resolution("restore", "done")),
        (standing(LINKED, OURS), Resolution("restore", "done", unlink_entry=True, unlink_info=True)),
        (standing(BOTH, OURS, foreign_out=True), Resolution("restore", "undone")),
        (standing(NONE, OURS), Resolution("trash", "gone", unlink_info=True)),
    ],
)
def test_a_restore(found: ObservedState, ended: Resolution) -> None:
    assert resolve(RecordState.RESTORING, found) == ended


@pytest.mark.parametrize(
    ("found", "ended"),
    [
        (standing(NEW, OURS), Resolution("purge", "undone")),
        (standing(NONE, OURS), Resolution("purge", "done", unlink_info=True)),
        (standing(NONE, NO), Resolution("purge", "done")),
        (standing(OLD, OURS), Resolution("purge", "done", unlink_info=True)),
    ],
)
def test_a_purge(found: ObservedState, ended: Resolution) -> None:
    assert resolve(RecordState.PURGING, found) == ended


@pytest.mark.parametrize("state", [RecordState.TRASHING, RecordState.RESTORING, RecordState.PURGING])
@pytest.mark.parametrize("where", [OLD, NEW, BOTH, NONE, LINKED])
@pytest.mark.parametrize("info", list(InfoOwner))
@pytest.mark.parametrize("foreign", [0, 1, 2, 3])
def test_healing_never_takes_a_last_name_and_never_anothers_info(
    state: RecordState, where: str, info: InfoOwner, foreign: int
) -> None:
    found = standing(where, info, foreign_in=bool(foreign & 1), foreign_out=bool(foreign & 2))
    ended = resolve(state, found)
    assert not ended.unlink_entry or found.same_file
    assert not ended.unlink_info or info is OURS
    assert not ended.write_info or (info is NO and found.exists_inside)
    assert not (ended.unlink_info and ended.write_info)
