"""`catalog restore`: what was moved to the trash comes back."""

import os
import time
from collections.abc import Iterable

import click

from catalog.cli.options import asks, json_option, put, say
from catalog.cli.params import BytesPath
from catalog.context import Asking
from catalog.errors import UsageFault
from catalog.formatting import show
from catalog.trash.outcome import Outcome
from catalog.trash.records import Deed
from catalog.trash.restore import of_last_run, of_path, restore_all
from catalog.trash.session import turn

SOME_REFUSED = 1


@click.command("restore")
@click.argument("paths", type=BytesPath(), nargs=-1, metavar="[PATH...]")
@click.option("--last", is_flag=True, help="All that the last `catalog trash` moved.")
@click.option("--all", "everything", is_flag=True, help="All that `catalog trash` ever moved and lies in the trash.")
@click.option("--to", "folder", type=BytesPath(), metavar="DIR", help="Into this folder, of the same disk.")
@json_option
@asks
def command(
    asking: Asking, paths: tuple[bytes, ...], last: bool, everything: bool, folder: bytes | None, as_json: bool
) -> int:
    """Bring files back from the trash: those that lay at PATH or below it. Nothing that stands there is replaced.

    Exit code 1 if anything was refused, or its bytes are not those that went into the trash.
    """
    from catalog.cli.trash_messages import tell_outcome, tell_sum

    asking.database.close()
    if bool(paths) + last + everything != 1:
        raise UsageFault("name files, or one of --last and --all", "`catalog trash --list` shows what there is.")
    if folder is not None and not os.path.isdir(folder):
        raise UsageFault(f"{show(folder)} is no folder", "Make it first.")
    outcomes: list[Outcome] = []
    for outcome in _restored(asking, paths, last, folder):
        outcomes.append(outcome)
        if as_json:
            put(outcome.record())
        tell_outcome(outcome)
    tell_sum("restored", outcomes, "")
    return 0 if all(one.done and not one.warning for one in outcomes) else SOME_REFUSED


def _restored(asking: Asking, paths: tuple[bytes, ...], last: bool, folder: bytes | None) -> Iterable[Outcome]:
    with turn(asking.config, time.time, say) as work:
        trashed = work.trashed
        yield from restore_all(work.database, work.ledger, _wanted(trashed, paths, last), folder, work.config.roots)


def _wanted(trashed: list[Deed], paths: tuple[bytes, ...], last: bool) -> list[Deed]:
    if not paths:
        return of_last_run(trashed) if last else trashed
    found: set[str] = set()
    for path in paths:
        below = of_path(trashed, path)
        if not below:
            raise UsageFault(
                f"nothing of {show(path)} was moved to the trash and lies there: nothing was restored",
                "`catalog trash --list` shows what there is.",
            )
        found.update(deed.id for deed in below)
    return [deed for deed in trashed if deed.id in found]
