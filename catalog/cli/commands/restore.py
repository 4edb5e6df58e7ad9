"""`catalog restore`: what was moved to the trash comes back."""

import os
import time
from collections.abc import Iterable

import click

from catalog.cli.options import echo_json, json_option, say, with_catalog
from catalog.cli.params import BytesPath
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.formatting import printable_path
from catalog.trash.outcome import TrashResult
from catalog.trash.records import TrashRecord
from catalog.trash.restore import records_at_path, records_of_last_run, restore_all
from catalog.trash.session import trash_session

EXIT_FINDINGS = 1


@click.command("restore")
@click.argument("paths", type=BytesPath(), nargs=-1, metavar="[PATH...]")
@click.option("--last", is_flag=True, help="All that the last `catalog trash` moved.")
@click.option("--all", "everything", is_flag=True, help="All that `catalog trash` ever moved and lies in the trash.")
@click.option("--to", "folder", type=BytesPath(), metavar="DIR", help="Into this folder, of the same disk.")
@json_option
@with_catalog
def command(
    asking: CatalogContext, paths: tuple[bytes, ...], last: bool, everything: bool, folder: bytes | None, as_json: bool
) -> int:
    """Bring files back from the trash: those that lay at PATH or below it. Nothing that stands there is replaced.

    Exit code 1 if anything was refused, or its bytes are not those that went into the trash.
    """
    from catalog.cli.trash_messages import print_result, print_summary

    asking.database.close()
    if bool(paths) + last + everything != 1:
        raise UsageError("name files, or one of --last and --all", "`catalog trash --list` shows what there is.")
    if folder is not None and not os.path.isdir(folder):
        raise UsageError(f"{printable_path(folder)} is no folder", "Make it first.")
    outcomes: list[TrashResult] = []
    for outcome in _restore(asking, paths, last, folder):
        outcomes.append(outcome)
        if as_json:
            echo_json(outcome.record())
        print_result(outcome)
    print_summary("restored", outcomes, "")
    return 0 if all(one.done and not one.warning for one in outcomes) else EXIT_FINDINGS


def _restore(
    asking: CatalogContext, paths: tuple[bytes, ...], last: bool, folder: bytes | None
) -> Iterable[TrashResult]:
    with trash_session(asking.config, time.time, say) as work:
        trashed = work.trashed
        yield from restore_all(
            work.database, work.log, _select_records(trashed, paths, last), folder, work.config.roots
        )


def _select_records(trashed: list[TrashRecord], paths: tuple[bytes, ...], last: bool) -> list[TrashRecord]:
    if not paths:
        return records_of_last_run(trashed) if last else trashed
    found: set[str] = set()
    for path in paths:
        below = records_at_path(trashed, path)
        if not below:
            raise UsageError(
                f"nothing of {printable_path(path)} was moved to the trash and lies there: nothing was restored",
                "`catalog trash --list` shows what there is.",
            )
        found.update(record.id for record in below)
    return [record for record in trashed if record.id in found]
