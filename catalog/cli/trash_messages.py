"""Messages about plans and results of `trash` and `restore`, for people; all go to stderr."""

from collections.abc import Callable, Iterable
from typing import TypeVar

from catalog.cli.options import echo_json, say
from catalog.console import format_count, format_size
from catalog.formatting import printable_path
from catalog.trash.outcome import TrashResult
from catalog.trash.plan import PlannedMove, RefusedPath, TrashPlan, uncounted_note
from catalog.trash.records import TrashRecord

Item = TypeVar("Item")
MAX_LINES = 50  # longer lists end with a count


def print_plan(plan: TrashPlan, *, whole: bool) -> None:
    """Print each file with the copy that remains, and the refused paths. `whole`: however long the list is."""
    _say_each(plan.moves, _move_line, whole)
    print_refused(plan.refused, whole=whole)
    if plan.moves:
        say(f"to the trash: {_file_count(len(plan.moves))}, {format_size(plan.size)}")


def move_question(plan: TrashPlan) -> str:
    """Return the question to ask before a move."""
    count = len(plan.last_copies)
    if not count:
        return "Move them to the trash?"
    are = "has" if count == 1 else "have"
    share = f"{format_count(count)} of {format_count(len(plan.moves))}"
    return f"{share} {are} no other copy. Move all of them to the trash?"


def print_refused(refused: list[RefusedPath], *, whole: bool = False) -> None:
    """Print one refused path per line, with the reason."""
    _say_each(refused, lambda one: f"refused: {printable_path(one.path)} {one.reason}", whole)


def print_results(results: Iterable[TrashResult], as_json: bool, *, messages: bool = True) -> list[TrashResult]:
    """Print each result as soon as it is known, and return all: as JSON, and with `messages` refusals and warnings."""
    shown: list[TrashResult] = []
    for result in results:
        shown.append(result)
        if as_json:
            echo_json(result.record())
        if messages and result.refused:
            say(f"refused: {printable_path(result.path)} {result.refused}")
        if messages and result.warning:
            say(f"warning: {printable_path(result.to or result.path)}: {result.warning}")
    return shown


def print_summary(verb: str, results: list[TrashResult], hint: str) -> None:
    """Print how many files were moved or deleted, and how many were refused. `hint`: what to do next, or ""."""
    done = [one for one in results if one.done]
    left = len(results) - len(done)
    refused = f"; {format_count(left)} refused" if left else ""
    advice = f"; {hint}" if done and hint else ""
    say(f"{verb}: {_file_count(len(done))}, {format_size(sum(one.size or 0 for one in done))}{refused}{advice}")


def print_purge_plan(records: list[TrashRecord]) -> None:
    """Print what would be deleted."""
    _say_each(records, lambda record: f"  {format_size(record.size):>9}  {printable_path(record.path)}", False)
    total = format_size(sum(record.size for record in records))
    say(f"to be deleted permanently: {_file_count(len(records))}, {total}")


def _move_line(move: PlannedMove) -> str:
    survivor = "no other copy" + uncounted_note(move)
    if move.named_survivor is not None:
        survivor = f"survivor: {printable_path(move.named_survivor.path)}"
    elif move.copies:
        survivor = f"copy kept: {printable_path(move.copies[0].path)}"
    elif move.links:
        survivor = f"another name keeps the bytes: {printable_path(move.links[0].path)}"
    return f"  {format_size(move.size):>9}  {printable_path(move.path)}  {survivor}"


def _say_each(items: list[Item], line: Callable[[Item], str], whole: bool) -> None:
    for item in items if whole else items[:MAX_LINES]:
        say(line(item))
    if len(items) > MAX_LINES and not whole:
        say(f"  … and {format_count(len(items) - MAX_LINES)} more; --dry-run shows all")


def _file_count(count: int) -> str:
    return "1 file" if count == 1 else f"{format_count(count)} files"
