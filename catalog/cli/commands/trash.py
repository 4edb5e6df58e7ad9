"""`catalog trash`: moves to the trash, which can be undone; and the one way to delete what lies there."""

import secrets
import time
from collections.abc import Iterable

import click

from catalog.cli.options import echo_json, echo_json_lines, json_option, say, with_catalog
from catalog.cli.params import STDIN, BytesPath, Duration, ListedPath, collect_paths
from catalog.cli.prompt import confirm
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.formatting import format_utc, path_text, printable_path
from catalog.trash.crash_recovery import is_reachable, record_removals
from catalog.trash.facts import gather_facts, require_survivor
from catalog.trash.folder import location_problem
from catalog.trash.mover import Mover
from catalog.trash.outcome import TrashResult, result_of_move, result_of_refused
from catalog.trash.plan import (
    COPIES_LOST,
    NO_OTHER_COPY,
    ExpectedHashes,
    RefusedPath,
    TrashPlan,
    plan_moves,
    without_last_copies,
)
from catalog.trash.purge import purge_all, records_older_than
from catalog.trash.records import TrashRecord
from catalog.trash.session import TrashSession, trash_session

EXIT_FINDINGS = 1
UNDO_ADVICE = "`catalog restore --last` brings them back"


@click.command("trash")
@click.argument("paths", type=ListedPath(), nargs=-1, metavar="[PATH...]")
@click.option("-0", "nul", is_flag=True, help="Read a list from stdin, as for `-`, with a NUL after each path.")
@click.option("--survivor", type=BytesPath(), metavar="PATH", help="What you keep instead; it is proved first.")
@click.option("--last-copy", is_flag=True, help="With --yes: also what has no other copy.")
@click.option("--dry-run", is_flag=True, help="Only show the plan, all of it.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--list", "listing", is_flag=True, help="What was moved to the trash and lies there still.")
@click.option("--purge", is_flag=True, help="Delete for good what this command put into the trash.")
@click.option("--older-than", type=Duration(), default="30d", show_default=True, metavar="SPAN", help="For --purge.")
@json_option
@with_catalog
def command(
    asking: CatalogContext,
    paths: tuple[bytes, ...],
    nul: bool,
    survivor: bytes | None,
    last_copy: bool,
    dry_run: bool,
    yes: bool,
    listing: bool,
    purge: bool,
    older_than: float,
    as_json: bool,
) -> int:
    """Move files to the trash of their disk, where file managers show them, and `catalog restore` brings them back.

    Each file, and what stays in its place, is read again right before; what changed since it was read is refused. So is
    the last copy of what you labelled keep. Nothing is copied to another disk. Exit code 1 if anything was refused.
    """
    asking.database.close()
    if listing + purge + bool(paths or nul) != 1:
        raise UsageError("name files, or one of --list and --purge", "See `catalog trash --help`.")
    if listing:
        return _list(asking, as_json)
    if purge:
        return _purge(asking, older_than, last_copy, yes, dry_run, as_json)
    expected = collect_paths(paths, nul)
    with trash_session(asking.config, time.time, say) as work:
        found = _plan_moves(work, expected, survivor)
    if yes and not last_copy:
        found = without_last_copies(found, frozenset(), NO_OTHER_COPY)
    taken = nul or STDIN in paths
    return _move_to_trash(asking, found, survivor, yes=yes, dry_run=dry_run, listed=taken, as_json=as_json)


def _plan_moves(work: TrashSession, expected: ExpectedHashes, survivor: bytes | None) -> TrashPlan:
    kept_copy = None if survivor is None else require_survivor(work.database, survivor, expected)
    return plan_moves(gather_facts(work.config, work.database, expected), kept_copy, expected)


def _move_to_trash(
    asking: CatalogContext,
    found: TrashPlan,
    survivor: bytes | None,
    *,
    yes: bool,
    dry_run: bool,
    listed: bool,
    as_json: bool,
) -> int:
    from catalog.cli.trash_messages import move_question, print_plan, print_summary

    print_plan(found, whole=dry_run)
    refused = [result_of_refused(one) for one in found.refused]
    if dry_run or not found.moves or not confirm(move_question(found), yes=yes, stdin_taken=listed):
        _print_results([*refused, *map(result_of_move, found.moves)], as_json)
        return EXIT_FINDINGS if refused else 0
    _print_results(refused, as_json)
    outcomes = refused + _print_results(_move(asking, found, survivor), as_json, talk=True)
    print_summary("moved to the trash", outcomes, UNDO_ADVICE)
    return 0 if all(one.done for one in outcomes) else EXIT_FINDINGS


def _move(asking: CatalogContext, found: TrashPlan, survivor: bytes | None) -> Iterable[TrashResult]:
    """Planned again, since the question may have stood for long; nothing goes that was not shown."""
    with trash_session(asking.config, time.time, say) as work:
        again = _plan_moves(work, {move.path: move.sha256 for move in found.moves}, survivor)
        again = without_last_copies(again, frozenset(move.path for move in found.last_copies), COPIES_LOST)
        yield from map(result_of_refused, again.refused)
        mover = Mover(work.log, secrets.token_hex(4))
        yield from map(mover.move, again.moves)


def _list(asking: CatalogContext, as_json: bool) -> int:
    from catalog.cli.trash_messages import print_refused

    with trash_session(asking.config, time.time, say) as work:
        record_removals(work.database, work.log, work.trashed)
        seen = [
            (record, location_problem(record), is_reachable(work.database, record)) for record in work.reread().trashed
        ]
    doubted = [RefusedPath(record.path, why) for record, why, _ in seen if why]
    found = [(record, "in no trash" if why else _state_text(record, there)) for record, why, there in seen]
    print_refused(doubted, whole=True)
    if as_json:
        echo_json_lines(_json_record(record, word) for record, word in found)
        return EXIT_FINDINGS if doubted else 0
    from catalog.console import format_size, print_table

    rows = (
        (format_utc(record.at), format_size(record.size), printable_path(record.path), word) for record, word in found
    )
    print_table(("moved at", "size", "path", "now"), rows, right=("size",))
    return EXIT_FINDINGS if doubted else 0


def _json_record(record: TrashRecord, word: str) -> dict[str, object]:
    known = TrashResult(record.path, record.size, record.sha256, record.trash_path, done=True).record()
    return known | {"at": format_utc(record.at), "state": word, "instead": _survivor_path(record)}


def _survivor_path(record: TrashRecord) -> str | None:
    return None if record.kept_copy is None else path_text(record.kept_copy.path)


def _state_text(record: TrashRecord, there: bool) -> str:
    return str(record.state) if there else "its disk is away"


def _purge(asking: CatalogContext, age: float, last_copy: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    from catalog.cli.trash_messages import print_purge_plan, print_summary

    with trash_session(asking.config, time.time, say) as work:
        record_removals(work.database, work.log, work.trashed)
        found = records_older_than(_reachable_records(work.reread()), age, time.time())
    print_purge_plan(found)
    if dry_run or not found or not confirm("Delete them? Nothing brings them back.", yes=yes):
        _print_results(
            [TrashResult(record.path, record.size, record.sha256, record.trash_path) for record in found], as_json
        )
        return 0
    outcomes = _print_results(_purge_shown(asking, {record.id for record in found}, last_copy), as_json, talk=True)
    print_summary("deleted", outcomes, "")
    return 0 if all(one.done for one in outcomes) else EXIT_FINDINGS


def _purge_shown(asking: CatalogContext, shown: set[str], last_copy: bool) -> Iterable[TrashResult]:
    with trash_session(asking.config, time.time, say) as work:
        agreed_on = [record for record in _reachable_records(work) if record.id in shown]
        yield from purge_all(work.database, work.log, agreed_on, last_copy=last_copy)


def _reachable_records(work: TrashSession) -> list[TrashRecord]:
    return [record for record in work.trashed if is_reachable(work.database, record)]


def _print_results(outcomes: Iterable[TrashResult], as_json: bool, talk: bool = False) -> list[TrashResult]:
    from catalog.cli.trash_messages import print_result

    shown: list[TrashResult] = []
    for outcome in outcomes:
        shown.append(outcome)
        if as_json:
            echo_json(outcome.record())
        if talk:
            print_result(outcome)
    return shown
