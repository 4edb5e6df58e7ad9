"""`catalog restore`: restore files from the trash."""

import os
import time
from collections.abc import Iterable

import click

from catalog import exit_codes
from catalog.cli.options import json_option, say, with_catalog
from catalog.cli.params import BytesPath
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.formatting import printable_path
from catalog.trash.outcome import TrashResult
from catalog.trash.records import TrashRecord
from catalog.trash.restore import records_at_path, records_of_last_run, restore_all
from catalog.trash.session import trash_session


@click.command("restore")
@click.argument("paths", type=BytesPath(), nargs=-1, metavar="[PATH...]")
@click.option("--last", is_flag=True, help="All files that the last `catalog trash` moved.")
@click.option(
    "--all", "everything", is_flag=True, help="All files that `catalog trash` moved and that are still there."
)
@click.option("--to", "folder", type=BytesPath(), metavar="DIR", help="Restore into this folder, on the same disk.")
@json_option
@with_catalog
def command(
    context: CatalogContext, paths: tuple[bytes, ...], last: bool, everything: bool, folder: bytes | None, as_json: bool
) -> int:
    """Restore files from the trash: those that were at PATH or below. No existing file is overwritten.

    The exit code is 1 if a file was refused, or its bytes differ from those that went into the trash.

    \b
    Examples:
      catalog restore --last
      catalog restore ~/Pictures/2021
      catalog restore --all --to ~/Pictures/restored
    """
    from catalog.cli.trash_messages import print_results, print_summary

    context.database.close()
    if bool(paths) + last + everything != 1:
        raise UsageError("name files, or use one of --last and --all", "`catalog trash --list` shows what there is.")
    if folder is not None and not os.path.isdir(folder):
        raise UsageError(f"{printable_path(folder)} is not a folder", "Create it first.")
    results = print_results(_restore(context, paths, last, folder), as_json)
    print_summary("restored", results, "")
    complete = all(result.done and not result.warning for result in results)
    return exit_codes.OK if complete else exit_codes.FINDINGS


def _restore(
    context: CatalogContext, paths: tuple[bytes, ...], last: bool, folder: bytes | None
) -> Iterable[TrashResult]:
    with trash_session(context.config, time.time, say) as session:
        records = _select_records(session.trashed, paths, last)
        yield from restore_all(session.database, session.log, records, folder, session.config.roots)


def _select_records(trashed: list[TrashRecord], paths: tuple[bytes, ...], last: bool) -> list[TrashRecord]:
    if not paths:
        return records_of_last_run(trashed) if last else trashed
    selected: set[str] = set()
    for path in paths:
        records = records_at_path(trashed, path)
        if not records:
            raise UsageError(
                f"no file from {printable_path(path)} is in the trash; nothing was restored",
                "`catalog trash --list` shows what there is.",
            )
        selected.update(record.id for record in records)
    return [record for record in trashed if record.id in selected]
