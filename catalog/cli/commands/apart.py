"""`catalog apart`: mark files as not duplicates."""

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
def command(context: CatalogContext, paths: tuple[bytes, ...]) -> None:
    """Mark files as not duplicates of each other: `dups` and `candidates` never pair them again.

    \b
    Examples:
      catalog apart ~/Pictures/harbour-1.jpg ~/Pictures/harbour-2.jpg
    """
    contents = {}
    for path in paths:
        content = content_at(context.database, path)
        if isinstance(content, str):
            raise UsageError(
                f"{printable_path(path)} {content}; nothing was changed", "Name files that `catalog ls` lists."
            )
        contents[content] = path
    if len(contents) < 2:
        raise UsageError("these files have the same bytes", "Name files that differ.")
    with Database(context.config.database, write=True) as database:
        count = mark_not_duplicates(database, context.config.state, list(contents), time.time())
    click.echo(f"{count} pair{'' if count == 1 else 's'} marked as not duplicates", err=True)
