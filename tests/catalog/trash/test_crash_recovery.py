"""Crash recovery of the trash: the resolution follows from where the file is."""

import pytest

from catalog.trash.crash_recovery import ObservedState, Resolution, resolve
from catalog.trash.info_file import InfoOwner
from catalog.trash.records import RecordState

OUTSIDE, INSIDE, BOTH, NONE, HARD_LINKED = "old", "new", "both", "none", "linked"
OURS, OTHER, NO = InfoOwner.OURS, InfoOwner.OTHER, InfoOwner.NONE


def observed(where: str, info: InfoOwner, *, other_inside: bool = False, other_outside: bool = False) -> ObservedState:
    outside, inside = where in (OUTSIDE, BOTH, HARD_LINKED), where in (INSIDE, BOTH, HARD_LINKED)
    return ObservedState(
        exists_outside=outside,
        matches_outside=outside and not other_outside,
        exists_inside=inside,
        matches_inside=inside and not other_inside,
        same_file=where == HARD_LINKED,
        info=info,
    )


@pytest.mark.parametrize(
    ("found", "resolution"),
    [
        (observed(OUTSIDE, NO), Resolution("trash", "undone")),  # killed after the journal was written
        (observed(OUTSIDE, OURS), Resolution("trash", "undone", unlink_info=True)),  # after the name was claimed
        (observed(INSIDE, OURS), Resolution("trash", "done")),  # after the move
        (observed(HARD_LINKED, OURS), Resolution("trash", "undone", unlink_entry=True, unlink_info=True)),
        (observed(INSIDE, NO), Resolution("trash", "done", write_info=True)),  # a power cut lost the info file
        (
            observed(BOTH, OURS, other_outside=True),
            Resolution("trash", "done"),
        ),  # moved, then another file took its place
        (observed(BOTH, NO, other_outside=True), Resolution("trash", "done", write_info=True)),
        (observed(BOTH, OTHER), Resolution("trash", "undone")),  # another program claimed the name, with equal bytes
        (observed(BOTH, OTHER, other_inside=True), Resolution("trash", "undone")),
        (observed(BOTH, OURS, other_inside=True), Resolution("trash", "undone", unlink_info=True)),
        (observed(BOTH, NO), Resolution("trash", "undone")),
        (observed(NONE, NO), Resolution("trash", "gone")),
        (observed(NONE, OURS), Resolution("trash", "gone", unlink_info=True)),
        (observed(INSIDE, OTHER), Resolution("trash", "gone")),
    ],
)
def test_an_interrupted_move_to_the_trash_is_resolved(found: ObservedState, resolution: Resolution) -> None:
    assert resolve(RecordState.TRASHING, found) == resolution


@pytest.mark.parametrize(
    ("found", "resolution"),
    [
        (observed(INSIDE, OURS), Resolution("restore", "undone")),
        (observed(OUTSIDE, OURS), Resolution("restore", "done", unlink_info=True)),
        (observed(OUTSIDE, NO), Resolution("restore", "done")),
        (observed(OUTSIDE, OTHER), Resolution("restore", "done")),
        (observed(HARD_LINKED, OURS), Resolution("restore", "done", unlink_entry=True, unlink_info=True)),
        (observed(BOTH, OURS, other_outside=True), Resolution("restore", "undone")),
        (observed(NONE, OURS), Resolution("trash", "gone", unlink_info=True)),
    ],
)
def test_an_interrupted_restore_is_resolved(found: ObservedState, resolution: Resolution) -> None:
    assert resolve(RecordState.RESTORING, found) == resolution


@pytest.mark.parametrize(
    ("found", "resolution"),
    [
        (observed(INSIDE, OURS), Resolution("purge", "undone")),
        (observed(NONE, OURS), Resolution("purge", "done", unlink_info=True)),
        (observed(NONE, NO), Resolution("purge", "done")),
        (observed(OUTSIDE, OURS), Resolution("purge", "done", unlink_info=True)),
    ],
)
def test_an_interrupted_purge_is_resolved(found: ObservedState, resolution: Resolution) -> None:
    assert resolve(RecordState.PURGING, found) == resolution


@pytest.mark.parametrize("state", [RecordState.TRASHING, RecordState.RESTORING, RecordState.PURGING])
@pytest.mark.parametrize("where", [OUTSIDE, INSIDE, BOTH, NONE, HARD_LINKED])
@pytest.mark.parametrize("info", list(InfoOwner))
@pytest.mark.parametrize("foreign", [0, 1, 2, 3])
def test_recovery_never_unlinks_a_last_name_or_another_programs_info_file(
    state: RecordState, where: str, info: InfoOwner, foreign: int
) -> None:
    found = observed(where, info, other_inside=bool(foreign & 1), other_outside=bool(foreign & 2))
    resolution = resolve(state, found)
    assert not resolution.unlink_entry or found.same_file
    assert not resolution.unlink_info or info is OURS
    assert not resolution.write_info or (info is NO and found.exists_inside)
    assert not (resolution.unlink_info and resolution.write_info)
