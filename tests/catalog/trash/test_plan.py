"""The plan of a move to the trash, decided from facts without a disk."""

from dataclasses import replace

import pytest

from catalog.duplicates.best_copy import FileCopy
from catalog.filesystem.same_disk import DirectoryEntry
from catalog.trash.facts import PathFacts, TrashRow
from catalog.trash.location import Trash
from catalog.trash.plan import LABELLED_KEEP, OTHER_CONTENT, plan_moves, refusal_reason, without_last_copies
from catalog.trash.records import Survivor

TRASH = Trash(b"/t", None)


def row_of(inode: int = 1, content: int = 1, **more: object) -> TrashRow:
    row = {"state": "ok", "content": content, "sha256": bytes([content]) * 32, "size": 9, "label": None, "volume": 1}
    return TrashRow(**{**row, "inode": inode, "volume_path": b"/r", "away": None, **more})  # type: ignore[arg-type]


def facts(name: str, inode: int = 1, content: int = 1, others: tuple[FileCopy, ...] = (), **more: object) -> PathFacts:
    row = row_of(inode, content, **more)
    return PathFacts(b"/r/" + name.encode(), "file", 9, "", row, False, TRASH, others)


def copy(name: str, inode: int, away: bool = False, state: str = "ok") -> FileCopy:
    return FileCopy(b"/r/" + name.encode(), 9, "png", 1, 1, None, state, away, 0, 1, inode)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (facts("a"), ""),
        (facts("a", state="rejected"), ""),
        (PathFacts(b"/r/a", "file", 9), "is not in the catalog"),
        (facts("a", state="gone"), "is not in the catalog"),
        (facts("a", state="pending"), "has not been read yet"),
        (facts("a", sha256=None), "has not been read yet"),
        (facts("a", away="not mounted"), "cannot be relied on: its disk is away (not mounted)"),
        (
            PathFacts(b"/r/a", "", 0, row=row_of(away="not mounted")),
            "cannot be relied on: its disk is away (not mounted)",
        ),
        (PathFacts(b"/r/a", "", 0, row=row_of()), "does not exist"),
        (PathFacts(b"/r/a", "", 0, "input/output error", row_of()), "cannot be accessed: input/output error"),
        (PathFacts(b"/r/a", "directory", 9, row=row_of()), "is a directory: name the files in it"),
        (PathFacts(b"/r/a", "symlink", 9, row=row_of()), "is a symbolic link"),
        (PathFacts(b"/r/a", "special", 9, row=row_of()), "is not a regular file"),
        (PathFacts(b"/r/a", "file", 9, row=row_of(), through_symlink=True), "is reached through a symbolic link"),
        (PathFacts(b"/r/a", "file", 8, row=row_of()), "changed since it was read"),
        (PathFacts(b"/r/a", "file", 9, row=row_of(), trash="needs a trash"), "needs a trash"),
    ],
)
def test_each_obstacle_has_its_refusal_reason(one: PathFacts, reason: str) -> None:
    assert refusal_reason(one) == reason


@pytest.mark.parametrize(
    ("others", "is_last_copy"),
    [
        ((), True),
        ((copy("b", 2),), False),
        ((copy("b", 1),), False),  # a hard link: the bytes stay under that name
        ((copy("b", 1, away=True),), True),
        ((copy("b", 2, away=True),), True),
        ((copy("b", 2, state="rejected"),), False),  # the same bytes, which are hashed before the move
    ],
)
def test_absent_files_do_not_count_as_copies(others: tuple[FileCopy, ...], is_last_copy: bool) -> None:
    found = plan_moves([facts("a", others=others)])
    assert [move.is_last_copy for move in found.moves] == [is_last_copy]
    kept = plan_moves([facts("a", others=others, label="keep")])
    assert [one.reason for one in kept.refused] == ([LABELLED_KEEP] if is_last_copy else [])


def test_copies_that_are_all_moved_do_not_count() -> None:
    a, b = facts("a", 1, others=(copy("b", 2),)), facts("b", 2, others=(copy("a", 1),))
    assert [move.is_last_copy for move in plan_moves([a, b]).moves] == [True, True]


def test_another_name_of_a_moved_file_keeps_its_bytes() -> None:
    link = copy("link to b", 2)
    a, b = facts("a", 1, others=(copy("b", 2), link)), facts("b", 2, others=(copy("a", 1), link))
    first, second = plan_moves([a, b]).moves
    survivor = Survivor(link.path, bytes([1]) * 32)
    assert (first.copies, first.links) == ((survivor,), ()) and not first.needs_link
    assert (second.copies, second.links) == ((), (survivor,)) and second.needs_link
    (last,) = plan_moves([facts("link to b", 2, others=(copy("b", 2, away=True),))]).moves
    assert last.is_last_copy


def test_names_that_all_leave_keep_nothing() -> None:
    a, b = facts("a", 1, others=(copy("b", 1),)), facts("b", 1, others=(copy("a", 1),))
    assert [move.is_last_copy for move in plan_moves([a, b]).moves] == [True, True]


def test_a_second_path_to_a_moved_name_is_no_other_name() -> None:
    """As through a bind mount: `c` leads to the directory entry of `b`, which is moved too."""
    entry = DirectoryEntry(1, 2, b"b")
    other = replace(copy("c", 2), entry=entry)
    a, b = facts("a", 1, others=(copy("b", 2), other)), replace(facts("b", 2), entry=entry)
    assert [move.is_last_copy for move in plan_moves([a, b]).moves] == [True, True]


def test_a_snapshot_is_no_copy_and_the_plan_says_so() -> None:
    snapshot = replace(copy("b", 2), snapshot=True)
    (refused,) = plan_moves([facts("a", others=(snapshot,), label="keep")]).refused
    assert refused.reason == f"{LABELLED_KEEP} (/r/b is in a read-only snapshot of the same disk)"
    assert plan_moves([facts("a", others=(snapshot, copy("c", 3)), label="keep")]).moves[0].copies[0].path == b"/r/c"


def test_a_refused_file_counts_as_a_copy_of_another() -> None:
    a, b = facts("a", 1, others=(copy("b", 2),)), facts("b", 2, others=(copy("a", 1),), away="not mounted")
    found = plan_moves([a, b])
    assert [move.path for move in found.moves] == [b"/r/a"] and not found.last_copies


def test_a_named_survivor_replaces_a_copy_unless_the_file_is_labelled_keep() -> None:
    named = Survivor(b"/r/better", bytes(32))
    (move,) = plan_moves([facts("a")], named).moves
    assert not move.is_last_copy and move.survivor_groups == [(named,)]
    assert [one.reason for one in plan_moves([facts("a", label="keep")], named).refused] == [LABELLED_KEEP]
    (move,) = plan_moves([facts("a", others=(copy("b", 2),), label="keep")], named).moves
    assert move.survivor_groups == [(Survivor(b"/r/b", bytes([1]) * 32),), (named,)]


def test_a_file_with_other_content_than_listed_is_refused() -> None:
    found = plan_moves(
        [facts("a", 1, 1), facts("b", 2, 2)], expected={b"/r/a": bytes([1]) * 32, b"/r/b": bytes([1]) * 32}
    )
    assert [move.path for move in found.moves] == [b"/r/a"]
    assert [(one.path, one.reason) for one in found.refused] == [(b"/r/b", OTHER_CONTENT)]


def test_last_copies_are_moved_only_if_agreed() -> None:
    found = plan_moves([facts("a", 1, 1), facts("b", 2, 2), facts("c", 3, 3, (copy("d", 4),))])
    left = without_last_copies(found, frozenset({b"/r/a"}), "reason")
    assert [move.path for move in left.moves] == [b"/r/a", b"/r/c"]
    assert [(one.path, one.reason) for one in left.refused] == [(b"/r/b", "reason")]
    assert left.size == 18
