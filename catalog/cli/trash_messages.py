"""The plan and what came of it, in words for a person. All of it is talk, and goes to stderr."""

from typing import TypeVar

from catalog.cli.options import say
from catalog.console import figure, size
from catalog.formatting import show
from catalog.trash.outcome import Outcome
from catalog.trash.plan import Plan, Refused, Victim, passing_words
from catalog.trash.records import Deed

Item = TypeVar("Item")
MOST = 50  # lines; beyond it a list is counted


def tell_plan(plan: Plan, whole: bool) -> None:
    """Every file, what becomes of its bytes, and what is refused. `whole`: however long that is."""
    for victim in _some(plan.victims, whole):
        say(f"  {size(victim.size):>9}  {show(victim.path)}  {_stays(victim)}")
    _rest(len(plan.victims), whole)
    tell_refused(plan.refused, whole)
    if plan.victims:
        say(f"to the trash: {_files(len(plan.victims))}, {size(plan.size)}")


def question(plan: Plan) -> str:
    """What is asked before a move."""
    count = len(plan.lonely)
    if not count:
        return "Move them to the trash?"
    are = "has" if count == 1 else "have"
    return f"{figure(count)} of {figure(len(plan.victims))} {are} no other copy. Move all of them to the trash?"


def tell_refused(refused: list[Refused], whole: bool = False) -> None:
    """One a line."""
    for one in _some(refused, whole):
        say(f"refused: {show(one.path)} {one.why}")
    _rest(len(refused), whole)


def tell_outcome(outcome: Outcome) -> None:
    """Only what its owner has to know."""
    if outcome.refused:
        say(f"refused: {show(outcome.path)} {outcome.refused}")
    if outcome.warning:
        say(f"look at {show(outcome.to or outcome.path)}: {outcome.warning}")


def tell_sum(verb: str, outcomes: list[Outcome], hint: str) -> None:
    """How many were done."""
    done = [one for one in outcomes if one.done]
    left = len(outcomes) - len(done)
    refused = f"; {figure(left)} refused" if left else ""
    way = f"; {hint}" if done and hint else ""
    say(f"{verb}: {_files(len(done))}, {size(sum(one.size or 0 for one in done))}{refused}{way}")


def tell_purge(deeds: list[Deed]) -> None:
    """What would be deleted."""
    for deed in _some(deeds, False):
        say(f"  {size(deed.size):>9}  {show(deed.path)}")
    _rest(len(deeds), False)
    say(f"to be deleted for good: {_files(len(deeds))}, {size(sum(deed.size for deed in deeds))}")


def _stays(victim: Victim) -> str:
    if victim.named is not None:
        return f"instead: {show(victim.named.path)}"
    if victim.copies:
        return f"a copy stays: {show(victim.copies[0].path)}"
    return "no other copy" + passing_words(victim)


def _some(items: list[Item], whole: bool) -> list[Item]:
    return items if whole else items[:MOST]


def _rest(count: int, whole: bool) -> None:
    if count > MOST and not whole:
        say(f"  … and {figure(count - MOST)} more; --dry-run shows all")


def _files(count: int) -> str:
    return "1 file" if count == 1 else f"{figure(count)} files"
