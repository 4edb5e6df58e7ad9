"""`catalog trash`: moves to the trash, which can be undone; and the one way to delete what lies there."""

import secrets
import time
from collections.abc import Iterable

import click

from catalog.cli.options import asks, json_option, put, put_lines, say
from catalog.cli.params import STDIN, BytesPath, Duration, ListedPath, named_paths
from catalog.cli.prompt import agreed
from catalog.context import Asking
from catalog.errors import UsageFault
from catalog.formatting import moment, show, text
from catalog.trash.crash_recovery import reachable, refresh
from catalog.trash.facts import gather, named
from catalog.trash.folder import doubt
from catalog.trash.mover import Mover
from catalog.trash.outcome import Outcome, of_refused, of_victim
from catalog.trash.plan import NO_COPY, NO_LONGER, Plan, Refused, Told, plan, without_lonely
from catalog.trash.purge import older_than, purge_all
from catalog.trash.records import Deed
from catalog.trash.session import Turn, turn

SOME_REFUSED = 1
BACK = "`catalog restore --last` brings them back"


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
@asks
def command(
    asking: Asking,
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
        raise UsageFault("name files, or one of --list and --purge", "See `catalog trash --help`.")
    if listing:
        return _list(asking, as_json)
    if purge:
        return _purge(asking, older_than, last_copy, yes, dry_run, as_json)
    told = named_paths(paths, nul)
    with turn(asking.config, time.time, say) as work:
        found = _plan(work, told, survivor)
    if yes and not last_copy:
        found = without_lonely(found, frozenset(), NO_COPY)
    taken = nul or STDIN in paths
    return _trash(asking, found, survivor, yes=yes, dry_run=dry_run, listed=taken, as_json=as_json)


def _plan(work: Turn, told: Told, survivor: bytes | None) -> Plan:
    instead = None if survivor is None else named(work.database, survivor, told)
    return plan(gather(work.config, work.database, told), instead, told)


def _trash(
    asking: Asking, found: Plan, survivor: bytes | None, *, yes: bool, dry_run: bool, listed: bool, as_json: bool
) -> int:
    from catalog.cli.trash_messages import question, tell_plan, tell_sum

    tell_plan(found, whole=dry_run)
    refused = [of_refused(one) for one in found.refused]
    if dry_run or not found.victims or not agreed(question(found), yes=yes, stdin_taken=listed):
        _show([*refused, *map(of_victim, found.victims)], as_json)
        return SOME_REFUSED if refused else 0
    _show(refused, as_json)
    outcomes = refused + _show(_moved(asking, found, survivor), as_json, talk=True)
    tell_sum("moved to the trash", outcomes, BACK)
    return 0 if all(one.done for one in outcomes) else SOME_REFUSED


def _moved(asking: Asking, found: Plan, survivor: bytes | None) -> Iterable[Outcome]:
    """Planned again, since the question may have stood for long; nothing goes that was not shown."""
    with turn(asking.config, time.time, say) as work:
        again = _plan(work, {victim.path: victim.sha256 for victim in found.victims}, survivor)
        again = without_lonely(again, frozenset(victim.path for victim in found.lonely), NO_LONGER)
        yield from map(of_refused, again.refused)
        mover = Mover(work.ledger, secrets.token_hex(4))
        yield from map(mover.move, again.victims)


def _list(asking: Asking, as_json: bool) -> int:
    from catalog.cli.trash_messages import tell_refused

    with turn(asking.config, time.time, say) as work:
        refresh(work.database, work.ledger, work.trashed)
        seen = [(deed, doubt(deed), reachable(work.database, deed)) for deed in work.current().trashed]
    doubted = [Refused(deed.path, why) for deed, why, _ in seen if why]
    found = [(deed, "in no trash" if why else _word(deed, there)) for deed, why, there in seen]
    tell_refused(doubted, whole=True)
    if as_json:
        put_lines(_record(deed, word) for deed, word in found)
        return SOME_REFUSED if doubted else 0
    from catalog.console import size, table

    rows = ((moment(deed.at), size(deed.size), show(deed.path), word) for deed, word in found)
    table(("moved at", "size", "path", "now"), rows, right=("size",))
    return SOME_REFUSED if doubted else 0


def _record(deed: Deed, word: str) -> dict[str, object]:
    known = Outcome(deed.path, deed.size, deed.sha256, deed.to, done=True).record()
    return known | {"at": moment(deed.at), "state": word, "instead": _instead(deed)}


def _instead(deed: Deed) -> str | None:
    return None if deed.instead is None else text(deed.instead.path)


def _word(deed: Deed, there: bool) -> str:
    return str(deed.state) if there else "its disk is away"


def _purge(asking: Asking, age: float, last_copy: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    from catalog.cli.trash_messages import tell_purge, tell_sum

    with turn(asking.config, time.time, say) as work:
        refresh(work.database, work.ledger, work.trashed)
        found = older_than(_present(work.current()), age, time.time())
    tell_purge(found)
    if dry_run or not found or not agreed("Delete them? Nothing brings them back.", yes=yes):
        _show([Outcome(deed.path, deed.size, deed.sha256, deed.to) for deed in found], as_json)
        return 0
    outcomes = _show(_purged(asking, {deed.id for deed in found}, last_copy), as_json, talk=True)
    tell_sum("deleted", outcomes, "")
    return 0 if all(one.done for one in outcomes) else SOME_REFUSED


def _purged(asking: Asking, shown: set[str], last_copy: bool) -> Iterable[Outcome]:
    with turn(asking.config, time.time, say) as work:
        agreed_on = [deed for deed in _present(work) if deed.id in shown]
        yield from purge_all(work.database, work.ledger, agreed_on, last_copy=last_copy)


def _present(work: Turn) -> list[Deed]:
    return [deed for deed in work.trashed if reachable(work.database, deed)]


def _show(outcomes: Iterable[Outcome], as_json: bool, talk: bool = False) -> list[Outcome]:
    from catalog.cli.trash_messages import tell_outcome

    shown: list[Outcome] = []
    for outcome in outcomes:
        shown.append(outcome)
        if as_json:
            put(outcome.record())
        if talk:
            tell_outcome(outcome)
    return shown
