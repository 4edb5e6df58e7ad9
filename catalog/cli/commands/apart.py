"""`catalog apart`: these are no duplicates."""

import time

import click

from catalog.choices.not_duplicates import part
from catalog.cli.options import asks
from catalog.cli.params import BytesPath
from catalog.context import Asking
from catalog.errors import UsageFault
from catalog.files.queries import content_at
from catalog.formatting import show
from catalog.store.database import Database


@click.command("apart")
@click.argument("paths", type=BytesPath(), nargs=-1, required=True, metavar="PATH...")
@asks
def command(asking: Asking, paths: tuple[bytes, ...]) -> None:
    """Say that none of these is a duplicate of another. `dups` and `candidates` never pair them again."""
    contents = {}
    for path in paths:
        found = content_at(asking.database, path)
        if isinstance(found, str):
            raise UsageFault(f"{show(path)} {found}: nothing was changed", "Name files that `catalog ls` shows.")
        contents[found] = path
    if len(contents) < 2:
        raise UsageFault("these are one content, byte for byte", "Name files that differ.")
    database = Database(asking.config.database, write=True)
    try:
        count = part(database, asking.config.state, list(contents), time.time())
    finally:
        database.close()
    click.echo(f"{count} pair{'' if count == 1 else 's'} set apart", err=True)
