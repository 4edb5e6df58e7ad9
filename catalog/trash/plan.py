"""Decide which files may go to the trash, and what has to stand for that. Pure: no disk, no catalog."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from catalog.duplicates.best_copy import Candidate, rank
from catalog.filesystem.transient import why_transient
from catalog.formatting import show
from catalog.trash.facts import Facts
from catalog.trash.location import Trash
from catalog.trash.records import Stay

NO_COPY = "has no other copy: say --last-copy to give it up"
KEPT = "is labelled keep, and has no other copy"
OTHER = "holds another content than when it was named"
NO_LONGER = "has lost its other copies since the plan was made"
Told = Mapping[bytes, bytes | None]
KINDS = {
    "directory": "is a directory: name the files in it",
    "symlink": "is a symbolic link",
    "special": "is no regular file",
    "": "is not there",
}


@dataclass(frozen=True, slots=True)
class Victim:
    """A file that may go. `copies`: other files of the same bytes that stay, the best first; `named`: what its owner
    keeps instead; `keep`: it is labelled so, and one of its copies has to stand; `passing`: another file of the same
    bytes that does not stay, if there is no copy.
    """

    path: bytes
    sha256: bytes
    size: int
    trash: Trash
    copies: tuple[Stay, ...]
    named: Stay | None
    keep: bool
    passing: bytes | None = None

    @property
    def lonely(self) -> bool:
        """Whether its bytes are nowhere else, and its owner named nothing that is kept instead."""
        return not self.copies and self.named is None

    @property
    def guards(self) -> list[tuple[Stay, ...]]:
        """Of each group one has to stand, proved right before the victim goes."""
        exact = [self.copies] if self.copies and (self.keep or self.named is None) else []
        return exact + ([(self.named,)] if self.named is not None else [])


@dataclass(frozen=True, slots=True)
class Refused:
    """A path that stays where it is, and why."""

    path: bytes
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """Every path that was named is in one of both."""

    victims: list[Victim]
    refused: list[Refused]

    @property
    def size(self) -> int:
        """Bytes of all that goes."""
        return sum(victim.size for victim in self.victims)

    @property
    def lonely(self) -> list[Victim]:
        """Those that have no other copy."""
        return [victim for victim in self.victims if victim.lonely]


def plan(facts: list[Facts], named: Stay | None = None, told: Told = MappingProxyType({})) -> Plan:
    """What may go. Of files that are all named, none counts as a copy of another, nor does a hard link to one.

    `told`: the SHA-256 of the content that was meant by a path, where that is known: another one is not meant.
    """
    refused = [Refused(one.path, why) for one in facts if (why := why_not(one) or _not_meant(one, told))]
    stay = {one.path for one in refused}
    going = [one for one in facts if one.path not in stay]
    paths = {one.path for one in going}
    places = {one.known.place for one in going if one.known}
    victims: list[Victim] = []
    for one in going:
        others = sorted((copy for copy in one.others if _stands(copy, paths, places)), key=rank)
        victim = _victim(one, others, named)
        if victim.keep and not victim.copies:
            refused.append(Refused(one.path, KEPT + passing_words(victim)))
        else:
            victims.append(victim)
    return Plan(victims, refused)


def without_lonely(found: Plan, agreed: frozenset[bytes], why: str) -> Plan:
    """The plan without those last copies that nobody agreed to give up."""
    left = [victim for victim in found.victims if not victim.lonely or victim.path in agreed]
    out = [Refused(one.path, why + passing_words(one)) for one in found.lonely if one.path not in agreed]
    return Plan(left, found.refused + out)


def passing_words(victim: Victim) -> str:
    """Return why a copy that its owner may know of does not count; "" where there is none."""
    return "" if victim.passing is None else f" ({show(victim.passing)} {why_transient(victim.passing)})"


def why_not(facts: Facts) -> str:
    """Why a path may not go, whatever becomes of others; "" where it may."""
    known = facts.known
    if known is not None and known.away is not None:
        return f"cannot be relied on: its disk is away ({known.away})"
    if facts.problem:
        return f"cannot be looked at: {facts.problem}"
    if facts.seen != "file":
        return KINDS[facts.seen]
    if known is None or known.state == "gone":
        return "is not in the catalog"
    if facts.through_link:
        return "is reached through a symbolic link"
    if known.state == "pending" or known.sha256 is None:
        return "was not read yet"
    if facts.size != known.size:
        return "changed since it was read"
    return facts.trash if isinstance(facts.trash, str) else ""


def _not_meant(facts: Facts, told: Told) -> str:
    meant, known = told.get(facts.path), facts.known
    return OTHER if meant is not None and known is not None and known.sha256 != meant else ""


def _stands(copy: Candidate, paths: set[bytes], places: set[tuple[int, int]]) -> bool:
    return not copy.away and copy.path not in paths and copy.place not in places


def _victim(facts: Facts, others: list[Candidate], named: Stay | None) -> Victim:
    known, trash = facts.known, facts.trash
    assert known is not None and known.sha256 is not None and isinstance(trash, Trash)  # or `why_not` refused it
    stays = tuple(Stay(copy.path, known.sha256) for copy in others if not copy.transient)
    passing = others[0].path if others and not stays else None
    return Victim(facts.path, known.sha256, facts.size, trash, stays, named, known.label == "keep", passing)
