"""The plan and what came of it, in words for a person. All of it is talk, and goes to stderr."""

from typing import TypeVar

from catalog.cli.options import say
from catalog.console import format_count, format_size
from catalog.formatting import printable_path
from catalog.trash.outcome import TrashResult
from catalog.trash.plan import PlannedMove, RefusedPath, TrashPlan, transient_note
from catalog.trash.records import TrashRecord

Item = TypeVar("Item")
MAX_LINES = 50  # lines; beyond it a list is counted


def print_plan(plan: TrashPlan, whole: bool) -> None:
    """Every file, what becomes of its bytes, and what is refused. `whole`: however long that is."""
    for move in _limited(plan.moves, whole):
        say(f"  {format_size(move.size):>9}  {printable_path(move.path)}  {_surviving_copy(move)}")
    _print_rest(len(plan.moves), whole)
    print_refused(plan.refused, whole)
    if plan.moves:
        say(f"to the trash: {_file_count(len(plan.moves))}, {format_size(plan.size)}")


def move_question(plan: TrashPlan) -> str:
    """What is asked before a move."""
    count = len(plan.last_copies)
    if not count:
        return "Move them to the trash?"
    are = "has" if count == 1 else "have"
    share = f"{format_count(count)} of {format_count(len(plan.moves))}"
    return f"{share} {are} no other copy. Move all of them to the trash?"


def print_refused(refused: list[RefusedPath], whole: bool = False) -> None:
    """One a line."""
    for one in _limited(refused, whole):
        say(f"refused: {printable_path(one.path)} {one.reason}")
    _print_rest(len(refused), whole)


def print_result(outcome: TrashResult) -> None:
    """Only what its owner has to know."""
    if outcome.refused:
        say(f"refused: {printable_path(outcome.path)} {outcome.refused}")
    if outcome.warning:
        say(f"look at {printable_path(outcome.to or outcome.path)}: {outcome.warning}")


def print_summary(verb: str, outcomes: list[TrashResult], hint: str) -> None:
    """How many were done."""
    done = [one for one in outcomes if one.done]
    left = len(outcomes) - len(done)
    refused = f"; {format_count(left)} refused" if left else ""
    way = f"; {hint}" if done and hint else ""
    say(f"{verb}: {_file_count(len(done))}, {format_size(sum(one.size or 0 for one in done))}{refused}{way}")


def print_purge_plan(records: list[TrashRecord]) -> None:
    """What would be deleted."""
    for record in _limited(records, False):
        say(f"  {format_size(record.size):>9}  {printable_path(record.path)}")
    _print_rest(len(records), False)
    say(f"to be deleted for good: {_file_count(len(records))}, {format_size(sum(record.size for record in records))}")


def _surviving_copy(move: PlannedMove) -> str:
    if move.named_survivor is not None:
        return f"instead: {printable_path(move.named_survivor.path)}"
    if move.copies:
        return f"a copy stays: {printable_path(move.copies[0].path)}"
    return "no other copy" + transient_note(move)


def _limited(items: list[Item], whole: bool) -> list[Item]:
    return items if whole else items[:MAX_LINES]


def _print_rest(count: int, whole: bool) -> None:
    if count > MAX_LINES and not whole:
        say(f"  … and {format_count(count - MAX_LINES)} more; --dry-run shows all")


def _file_count(count: int) -> str:
    return "1 file" if count == 1 else f"{format_count(count)} files"
