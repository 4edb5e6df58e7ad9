"""`catalog accept`: overrule a verdict of bit rot."""

import time
from typing import TYPE_CHECKING

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.cli.params import BytesPath
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.files.queries import FileEntry, entry_at
from catalog.formatting import path_text, printable_path
from catalog.integrity.damage import accept_content, acceptance_problem
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.integrity import AcceptedFileJson


@click.command("accept")
@click.argument("paths", type=BytesPath(), nargs=-1, required=True, metavar="PATH...")
@json_option
@with_catalog
def command(context: CatalogContext, paths: tuple[bytes, ...], as_json: bool) -> None:
    """Accept the current bytes of each PATH, although `catalog damage` lists it. The files are not modified.

    \b
    Examples:
      catalog accept ~/Pictures/2021/garden.jpg
    """
    entries = [_damaged_entry(context, path) for path in dict.fromkeys(paths)]
    with Database(context.config.database, write=True) as database:
        accept_content(database, context.config.state, entries, time.time())
    if as_json:
        echo_json_lines(map(_record, entries))
    else:
        click.echo(f"{len(entries)} accepted", err=True)


def _damaged_entry(context: CatalogContext, path: bytes) -> FileEntry:
    entry = entry_at(context.database, path)
    problem = "is not in the catalog" if entry is None else acceptance_problem(context.database, entry.id)
    if entry is None or problem:
        raise UsageError(
            f"{printable_path(path)} {problem}; nothing was accepted", "Name files that `catalog damage` lists."
        )
    return entry


def _record(entry: FileEntry) -> "AcceptedFileJson":
    return {"path": path_text(entry.path), "sha256": (entry.sha256 or "").lower()}
