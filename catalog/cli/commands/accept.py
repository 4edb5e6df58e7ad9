"""`catalog accept`: the owner overrules a verdict of rot."""

import time

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.cli.params import BytesPath
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.files.queries import FileEntry, entry_at
from catalog.formatting import path_text, printable_path
from catalog.integrity.damage import accept_content, acceptance_problem
from catalog.store.database import Database


@click.command("accept")
@click.argument("paths", type=BytesPath(), nargs=-1, required=True, metavar="PATH...")
@json_option
@with_catalog
def command(asking: CatalogContext, paths: tuple[bytes, ...], as_json: bool) -> None:
    """Say that the bytes of these files are right as they are now, though `catalog damage` lists them."""
    found = [_damaged_entry(asking, path) for path in dict.fromkeys(paths)]
    database = Database(asking.config.database, write=True)
    try:
        accept_content(database, asking.config.state, found, time.time())
    finally:
        database.close()
    if as_json:
        echo_json_lines({"path": path_text(entry.path), "sha256": (entry.sha256 or "").lower()} for entry in found)
    else:
        click.echo(f"{len(found)} accepted", err=True)


def _damaged_entry(asking: CatalogContext, path: bytes) -> FileEntry:
    entry = entry_at(asking.database, path)
    why = "is not in the catalog" if entry is None else acceptance_problem(asking.database, entry.id)
    if entry is None or why:
        raise UsageError(
            f"{printable_path(path)} {why}: nothing was accepted", "Name files that `catalog damage` lists."
        )
    return entry
