"""`catalog trash`: move files to the trash, list it, and delete from it permanently."""

import secrets
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

import click

from catalog import exit_codes
from catalog.cli.options import echo_json_lines, json_option, say, with_catalog
from catalog.cli.params import STDIN, BytesPath, Duration, ListedPath, collect_paths
from catalog.cli.prompt import confirm
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.formatting import format_utc, path_text, printable_path
from catalog.trash.crash_recovery import is_reachable, record_removals
from catalog.trash.facts import gather_facts, require_survivor
from catalog.trash.folder import location_problem
from catalog.trash.mover import Mover
from catalog.trash.outcome import TrashResult, result_of_move, result_of_record, result_of_refused
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

if TYPE_CHECKING:
    from catalog.json_types.trash import TrashedFileJson

RESTORE_HINT = "`catalog restore --last` brings them back"


@click.command("trash")
@click.argument("paths", type=ListedPath(), nargs=-1, metavar="[PATH...]")
@click.option("-0", "nul", is_flag=True, help="Read paths that end with NUL from stdin.")
@click.option("--survivor", type=BytesPath(), metavar="PATH", help="The copy to keep; it is verified first.")
@click.option("--last-copy", is_flag=True, help="With --yes: also move files that have no other copy.")
@click.option("--dry-run", is_flag=True, help="Show the whole plan and change nothing.")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
@click.option("--list", "listing", is_flag=True, help="List the files in the trash that this command moved there.")
@click.option("--purge", is_flag=True, help="Permanently delete files that this command moved to the trash.")
@click.option(
    "--older-than", type=Duration(), default="30d", show_default=True, metavar="SPAN", help="Age for --purge."
)
@json_option
@with_catalog
def command(
    context: CatalogContext,
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
    """Move files to the trash of their disk, where file managers show them. `catalog restore` brings them back.

    Right before the move, each file and the copy that remains are read again; a file that changed since it was read
    is refused, and so is the last copy of an image labelled keep. Nothing is copied to another disk. With `-`, paths
    are read from stdin. The exit code is 1 if a file was refused.

    \b
    Examples:
      catalog trash --dry-run ~/Pictures/blurred.jpg
      catalog trash --survivor ~/Pictures/best.jpg ~/Pictures/second.jpg
      catalog trash --purge --older-than 30d
    """
    context.database.close()
    if listing + purge + bool(paths or nul) != 1:
        raise UsageError("name files, or use one of --list and --purge", "See `catalog trash --help`.")
    if listing:
        return _list(context, as_json)
    if purge:
        return _purge(context, older_than, last_copy, yes, dry_run, as_json)
    hashes = collect_paths(paths, nul)
    with trash_session(context.config, time.time, say) as session:
        plan = _plan_moves(session, hashes, survivor)
    if yes and not last_copy:
        plan = without_last_copies(plan, frozenset(), NO_OTHER_COPY)
    stdin_used = nul or STDIN in paths
    return _move_to_trash(context, plan, survivor, yes=yes, dry_run=dry_run, stdin_used=stdin_used, as_json=as_json)


def _plan_moves(session: TrashSession, hashes: ExpectedHashes, survivor: bytes | None) -> TrashPlan:
    kept = None if survivor is None else require_survivor(session.database, survivor, hashes)
    return plan_moves(gather_facts(session.config, session.database, hashes), kept, hashes)


def _move_to_trash(
    context: CatalogContext,
    plan: TrashPlan,
    survivor: bytes | None,
    *,
    yes: bool,
    dry_run: bool,
    stdin_used: bool,
    as_json: bool,
) -> int:
    from catalog.cli.trash_messages import move_question, print_plan, print_results, print_summary

    print_plan(plan, whole=dry_run)
    refused = [result_of_refused(path) for path in plan.refused]
    if dry_run or not plan.moves or not confirm(move_question(plan), yes=yes, stdin_used=stdin_used):
        print_results([*refused, *map(result_of_move, plan.moves)], as_json, messages=False)
        return exit_codes.FINDINGS if refused else exit_codes.OK
    print_results(refused, as_json, messages=False)
    results = refused + print_results(_move(context, plan, survivor), as_json)
    print_summary("moved to the trash", results, RESTORE_HINT)
    return _exit_code(results)


def _move(context: CatalogContext, plan: TrashPlan, survivor: bytes | None) -> Iterable[TrashResult]:
    """Plan again, since the question may have waited for long, and move only what was shown."""
    with trash_session(context.config, time.time, say) as session:
        again = _plan_moves(session, {move.path: move.sha256 for move in plan.moves}, survivor)
        again = without_last_copies(again, frozenset(move.path for move in plan.last_copies), COPIES_LOST)
        yield from map(result_of_refused, again.refused)
        mover = Mover(session.log, secrets.token_hex(4))
        yield from map(mover.move, again.moves)


def _list(context: CatalogContext, as_json: bool) -> int:
    from catalog.cli.trash_messages import print_refused

    misplaced: list[RefusedPath] = []
    listed: list[tuple[TrashRecord, str]] = []
    with trash_session(context.config, time.time, say) as session:
        record_removals(session.database, session.log, session.trashed)
        for record in session.reread().trashed:
            problem = location_problem(record)
            if problem:
                misplaced.append(RefusedPath(record.path, problem))
                listed.append((record, "in no trash"))
            else:
                reachable = is_reachable(session.database, record)
                listed.append((record, str(record.state) if reachable else "its disk is away"))
    print_refused(misplaced, whole=True)
    if as_json:
        echo_json_lines(_json_record(record, state) for record, state in listed)
    else:
        _print_list(listed)
    return exit_codes.FINDINGS if misplaced else exit_codes.OK


def _print_list(listed: list[tuple[TrashRecord, str]]) -> None:
    from catalog.console import format_size, print_table

    rows = (
        (format_utc(record.at), format_size(record.size), printable_path(record.path), state)
        for record, state in listed
    )
    print_table(("moved at", "size", "path", "now"), rows, right=("size",))


def _json_record(record: TrashRecord, state: str) -> "TrashedFileJson":
    result = result_of_record(record, record.trash_path, done=True).record()
    kept = None if record.kept_copy is None else path_text(record.kept_copy.path)
    return {**result, "at": format_utc(record.at), "state": state, "instead": kept}


def _purge(context: CatalogContext, age: float, last_copy: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    from catalog.cli.trash_messages import print_purge_plan, print_results, print_summary

    with trash_session(context.config, time.time, say) as session:
        record_removals(session.database, session.log, session.trashed)
        old = records_older_than(_reachable_records(session.reread()), age, time.time())
    print_purge_plan(old)
    if dry_run or not old or not confirm("Delete them? This cannot be undone.", yes=yes):
        print_results([result_of_record(record, record.trash_path) for record in old], as_json, messages=False)
        return exit_codes.OK
    results = print_results(_purge_shown(context, {record.id for record in old}, last_copy), as_json)
    print_summary("deleted", results, "")
    return _exit_code(results)


def _purge_shown(context: CatalogContext, shown: set[str], last_copy: bool) -> Iterable[TrashResult]:
    with trash_session(context.config, time.time, say) as session:
        agreed = [record for record in _reachable_records(session) if record.id in shown]
        yield from purge_all(session.database, session.log, agreed, last_copy=last_copy)


def _reachable_records(session: TrashSession) -> list[TrashRecord]:
    return [record for record in session.trashed if is_reachable(session.database, record)]


def _exit_code(results: list[TrashResult]) -> int:
    return exit_codes.OK if all(result.done for result in results) else exit_codes.FINDINGS
