"""Decide which files may go to the trash, and what has to stand for that. Pure: no disk, no catalog."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from catalog.duplicates.best_copy import FileCopy, copy_rank
from catalog.filesystem.transient import transient_reason
from catalog.formatting import printable_path
from catalog.trash.facts import PathFacts
from catalog.trash.location import Trash
from catalog.trash.records import Survivor

NO_OTHER_COPY = "has no other copy: say --last-copy to give it up"
LABELLED_KEEP = "is labelled keep, and has no other copy"
OTHER_CONTENT = "holds another content than when it was named"
COPIES_LOST = "has lost its other copies since the plan was made"
ExpectedHashes = Mapping[bytes, bytes | None]
REFUSED_KINDS = {
    "directory": "is a directory: name the files in it",
    "symlink": "is a symbolic link",
    "special": "is no regular file",
    "": "is not there",
}


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """A file that may go. `copies`: other files of the same bytes that stay, the best first; `named`: what its owner
    keeps instead; `keep`: it is labelled so, and one of its copies has to stand; `passing`: another file of the same
    bytes that does not stay, if there is no copy.
    """

    path: bytes
    sha256: bytes
    size: int
    trash: Trash
    copies: tuple[Survivor, ...]
    named: Survivor | None
    keep: bool
    passing: bytes | None = None

    @property
    def lonely(self) -> bool:
        """Whether its bytes are nowhere else, and its owner named nothing that is kept instead."""
        return not self.copies and self.named is None

    @property
    def guards(self) -> list[tuple[Survivor, ...]]:
        """Of each group one has to stand, proved right before the victim goes."""
        exact = [self.copies] if self.copies and (self.keep or self.named is None) else []
        return exact + ([(self.named,)] if self.named is not None else [])


@dataclass(frozen=True, slots=True)
class RefusedPath:
    """A path that stays where it is, and why."""

    path: bytes
    why: str


@dataclass(frozen=True, slots=True)
class TrashPlan:
    """Every path that was named is in one of both."""

    victims: list[PlannedMove]
    refused: list[RefusedPath]

    @property
    def size(self) -> int:
        """Bytes of all that goes."""
        return sum(victim.size for victim in self.victims)

    @property
    def lonely(self) -> list[PlannedMove]:
        """Those that have no other copy."""
        return [victim for victim in self.victims if victim.lonely]


def plan_moves(
    facts: list[PathFacts], named: Survivor | None = None, told: ExpectedHashes = MappingProxyType({})
) -> TrashPlan:
    """What may go. Of files that are all named, none counts as a copy of another, nor does a hard link to one.

    `told`: the SHA-256 of the content that was meant by a path, where that is known: another one is not meant.
    """
    refused = [
        RefusedPath(one.path, why) for one in facts if (why := refusal_reason(one) or _content_mismatch(one, told))
    ]
    stay = {one.path for one in refused}
    going = [one for one in facts if one.path not in stay]
    paths = {one.path for one in going}
    places = {one.known.place for one in going if one.known}
    victims: list[PlannedMove] = []
    for one in going:
        others = sorted((copy for copy in one.others if _counts_as_copy(copy, paths, places)), key=copy_rank)
        victim = _planned_move(one, others, named)
        if victim.keep and not victim.copies:
            refused.append(RefusedPath(one.path, LABELLED_KEEP + transient_note(victim)))
        else:
            victims.append(victim)
    return TrashPlan(victims, refused)


def without_last_copies(found: TrashPlan, agreed: frozenset[bytes], why: str) -> TrashPlan:
    """The plan without those last copies that nobody agreed to give up."""
    left = [victim for victim in found.victims if not victim.lonely or victim.path in agreed]
    out = [RefusedPath(one.path, why + transient_note(one)) for one in found.lonely if one.path not in agreed]
    return TrashPlan(left, found.refused + out)


def transient_note(victim: PlannedMove) -> str:
    """Return why a copy that its owner may know of does not count; "" where there is none."""
    return "" if victim.passing is None else f" ({printable_path(victim.passing)} {transient_reason(victim.passing)})"


def refusal_reason(facts: PathFacts) -> str:
    """Why a path may not go, whatever becomes of others; "" where it may."""
    known = facts.known
    if known is not None and known.away is not None:
        return f"cannot be relied on: its disk is away ({known.away})"
    if facts.problem:
        return f"cannot be looked at: {facts.problem}"
    if facts.seen != "file":
        return REFUSED_KINDS[facts.seen]
    if known is None or known.state == "gone":
        return "is not in the catalog"
    if facts.through_link:
        return "is reached through a symbolic link"
    if known.state == "pending" or known.sha256 is None:
        return "was not read yet"
    if facts.size != known.size:
        return "changed since it was read"
    return facts.trash if isinstance(facts.trash, str) else ""


def _content_mismatch(facts: PathFacts, told: ExpectedHashes) -> str:
    meant, known = told.get(facts.path), facts.known
    return OTHER_CONTENT if meant is not None and known is not None and known.sha256 != meant else ""


def _counts_as_copy(copy: FileCopy, paths: set[bytes], places: set[tuple[int, int]]) -> bool:
    return not copy.away and copy.path not in paths and copy.place not in places


def _planned_move(facts: PathFacts, others: list[FileCopy], named: Survivor | None) -> PlannedMove:
    known, trash = facts.known, facts.trash
    assert known is not None and known.sha256 is not None and isinstance(trash, Trash)  # or `why_not` refused it
    stays = tuple(Survivor(copy.path, known.sha256) for copy in others if not copy.transient)
    passing = others[0].path if others and not stays else None
    return PlannedMove(facts.path, known.sha256, facts.size, trash, stays, named, known.label == "keep", passing)
