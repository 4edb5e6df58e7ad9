"""Decide which files may be moved to the trash, and which copies must be verified first. Pure: no disk, no catalog."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from catalog.duplicates.best_copy import FileCopy, NameKey, copy_rank
from catalog.filesystem.same_disk import SAME_FILE
from catalog.formatting import printable_path
from catalog.trash.facts import PathFacts
from catalog.trash.location import Trash
from catalog.trash.records import Survivor

NO_OTHER_COPY = "has no other copy: use --last-copy to give it up"
LABELLED_KEEP = "is labelled keep, and has no other copy"
OTHER_CONTENT = "has other content than when it was listed"
COPIES_LOST = "has lost its other copies since the plan was made"
ExpectedHashes = Mapping[bytes, bytes | None]
REFUSED_KINDS = {
    "directory": "is a directory: name the files in it",
    "symlink": "is a symbolic link",
    "special": "is not a regular file",
    "": "does not exist",
}


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """A file that may be moved.

    `copies`: other files with the same bytes that are kept, the best first. `named_survivor`: the file that the owner
    keeps instead. `labelled_keep`: one of `copies` has to be verified whatever was named. `links`: where there is no
    copy, other names of this file, which keep its bytes. `uncounted_copy`: where nothing keeps them, another path with
    the same bytes that does not count, and `uncounted_reason` why.
    """

    path: bytes
    sha256: bytes
    size: int
    trash: Trash
    copies: tuple[Survivor, ...]
    named_survivor: Survivor | None
    labelled_keep: bool
    uncounted_copy: bytes | None = None
    uncounted_reason: str = ""
    links: tuple[Survivor, ...] = ()

    @property
    def is_last_copy(self) -> bool:
        """Whether nothing else has its bytes, and the owner named no file to keep instead."""
        return not self.copies and not self.links and self.named_survivor is None

    @property
    def needs_link(self) -> bool:
        """Whether another name of the file has to keep its bytes."""
        return bool(self.links) and (self.labelled_keep or self.named_survivor is None)

    @property
    def survivor_groups(self) -> list[tuple[Survivor, ...]]:
        """Groups of files; one of each has to be verified right before the move."""
        exact = [self.copies] if self.copies and (self.labelled_keep or self.named_survivor is None) else []
        return exact + ([(self.named_survivor,)] if self.named_survivor is not None else [])


@dataclass(frozen=True, slots=True)
class RefusedPath:
    """A path that is not moved, and the reason."""

    path: bytes
    reason: str


@dataclass(frozen=True, slots=True)
class TrashPlan:
    """The decision for every named path: it is in `moves` or in `refused`."""

    moves: list[PlannedMove]
    refused: list[RefusedPath]

    @property
    def size(self) -> int:
        """Total bytes of the moves."""
        return sum(move.size for move in self.moves)

    @property
    def last_copies(self) -> list[PlannedMove]:
        """The moves of files without another copy."""
        return [move for move in self.moves if move.is_last_copy]


def plan_moves(
    facts: list[PathFacts], named: Survivor | None = None, expected: ExpectedHashes = MappingProxyType({})
) -> TrashPlan:
    """Plan the moves. A named file never counts as a copy of another named file, by whatever path.

    `expected`: the SHA-256 that each path had when it was listed, where that is known; a file with another is refused.
    """
    refused = [
        RefusedPath(one.path, reason)
        for one in facts
        if (reason := refusal_reason(one) or _content_mismatch(one, expected))
    ]
    refused_paths = {one.path for one in refused}
    leaving = [one for one in facts if one.path not in refused_paths]
    names: set[NameKey] = {one.path for one in leaving} | {one.entry for one in leaving if one.entry}
    moves: list[PlannedMove] = []
    for one in leaving:
        others = [copy for copy in one.other_copies if not copy.away and names.isdisjoint({copy.path, copy.name_key})]
        move = _planned_move(one, sorted(others, key=copy_rank), named)
        if move.labelled_keep and not move.copies and not move.links:
            refused.append(RefusedPath(one.path, LABELLED_KEEP + uncounted_note(move)))
        else:
            moves.append(move)
    return TrashPlan(moves, refused)


def without_last_copies(plan: TrashPlan, agreed: frozenset[bytes], reason: str) -> TrashPlan:
    """Return the plan with every last copy refused for `reason`, except those in `agreed`."""
    moves = [move for move in plan.moves if not move.is_last_copy or move.path in agreed]
    refused = [
        RefusedPath(move.path, reason + uncounted_note(move)) for move in plan.last_copies if move.path not in agreed
    ]
    return TrashPlan(moves, plan.refused + refused)


def uncounted_note(move: PlannedMove) -> str:
    """Return why a copy that the owner may know of does not count; "" where there is none."""
    copy = move.uncounted_copy
    return "" if copy is None else f" ({printable_path(copy)} {move.uncounted_reason})"


def refusal_reason(facts: PathFacts) -> str:
    """Return why a path may not be moved, whatever else is named; "" where it may."""
    row = facts.row
    if row is not None and row.away is not None:
        return f"cannot be relied on: its disk is away ({row.away})"
    if facts.problem:
        return f"cannot be accessed: {facts.problem}"
    if facts.kind != "file":
        return REFUSED_KINDS[facts.kind]
    if row is None or row.state == "gone":
        return "is not in the catalog"
    if facts.through_symlink:
        return "is reached through a symbolic link"
    if row.state == "pending" or row.sha256 is None:
        return "has not been read yet"
    if facts.size != row.size:
        return "changed since it was read"
    return facts.trash if isinstance(facts.trash, str) else ""


def _content_mismatch(facts: PathFacts, expected: ExpectedHashes) -> str:
    sha256, row = expected.get(facts.path), facts.row
    return OTHER_CONTENT if sha256 is not None and row is not None and row.sha256 != sha256 else ""


def _planned_move(facts: PathFacts, others: list[FileCopy], named: Survivor | None) -> PlannedMove:
    row, trash = facts.row, facts.trash
    assert row is not None and row.sha256 is not None and isinstance(trash, Trash)  # else `refusal_reason` refused it
    sha256 = row.sha256
    staying = [copy for copy in others if copy.stays]
    copies = tuple(Survivor(copy.path, sha256) for copy in staying if copy.inode_key != row.inode_key)
    links = tuple(Survivor(copy.path, sha256) for copy in staying) if not copies else ()
    path, reason = (None, "") if staying else _uncounted_copy(facts, others)
    return PlannedMove(facts.path, sha256, facts.size, trash, copies, named, row.label == "keep", path, reason, links)


def _uncounted_copy(facts: PathFacts, transient: list[FileCopy]) -> tuple[bytes | None, str]:
    """Return a path whose bytes will not last, or are those of the file itself, and why it does not count."""
    for copy in transient:
        return copy.path, copy.transient_reason
    same = (copy.path for copy in facts.other_copies if copy.entry is not None and copy.entry == facts.entry)
    for path in same:
        return path, SAME_FILE
    return None, ""
