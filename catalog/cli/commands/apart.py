"""`catalog apart`: these are no duplicates."""

import time

import click

from catalog.choices.not_duplicates import mark_not_duplicates
from catalog.cli.options import with_catalog
from catalog.cli.params import BytesPath
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.files.queries import content_at
from catalog.formatting import printable_path
from catalog.store.database import Database


@click.command("apart")
@click.argument("paths", type=BytesPath(), nargs=-1, required=True, metavar="PATH...")
@with_catalog
def command(asking: CatalogContext, paths: tuple[bytes, ...]) -> None:
    """Say that none of these is a duplicate of another. `dups` and `candidates` never pair them again."""
    contents = {}
    for path in paths:
        found = content_at(asking.database, path)
        if isinstance(found, str):
            raise UsageError(
                f"{printable_path(path)} {found}: nothing was changed", "Name files that `catalog ls` shows."
            )
        contents[found] = path
    if len(contents) < 2:
        raise UsageError("these are one content, byte for byte", "Name files that differ.")
    database = Database(asking.config.database, write=True)
    try:
        count = mark_not_duplicates(database, asking.config.state, list(contents), time.time())
    finally:
        database.close()
    click.echo(f"{count} pair{'' if count == 1 else 's'} set apart", err=True)
