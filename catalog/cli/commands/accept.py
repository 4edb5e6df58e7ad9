"""`catalog accept`: the owner overrules a verdict of rot."""

import time

import click

from catalog.cli.options import asks, json_option, put_lines
from catalog.cli.params import BytesPath
from catalog.context import Asking
from catalog.errors import UsageFault
from catalog.files.queries import Entry, entry_at
from catalog.formatting import show, text
from catalog.integrity.damage import accept, why_not
from catalog.store.database import Database


@click.command("accept")
@click.argument("paths", type=BytesPath(), nargs=-1, required=True, metavar="PATH...")
@json_option
@asks
def command(asking: Asking, paths: tuple[bytes, ...], as_json: bool) -> None:
    """Say that the bytes of these files are right as they are now, though `catalog damage` lists them."""
    found = [_damaged(asking, path) for path in dict.fromkeys(paths)]
    database = Database(asking.config.database, write=True)
    try:
        accept(database, asking.config.state, found, time.time())
    finally:
        database.close()
    if as_json:
        put_lines({"path": text(entry.path), "sha256": (entry.sha256 or "").lower()} for entry in found)
    else:
        click.echo(f"{len(found)} accepted", err=True)


def _damaged(asking: Asking, path: bytes) -> Entry:
    entry = entry_at(asking.database, path)
    why = "is not in the catalog" if entry is None else why_not(asking.database, entry.id)
    if entry is None or why:
        raise UsageFault(f"{show(path)} {why}: nothing was accepted", "Name files that `catalog damage` lists.")
    return entry
