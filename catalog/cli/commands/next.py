"""`catalog next`: which labels would teach most."""

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.formatting import path_text, printable_path
from catalog.heads.active_learning import most_informative


@click.command("next")
@click.option("-n", "count", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many.")
@json_option
@with_catalog
def command(context: CatalogContext, count: int, as_json: bool) -> None:
    """The pictures whose labels would teach most: the head is unsure of them, and they are unlike one another."""
    found = most_informative(context.database, count)
    if as_json:
        echo_json_lines({"path": path_text(entry.path), "p_delete": round(p_delete, 6)} for entry, p_delete in found)
        return
    for entry, p_delete in found:
        click.echo(f"{p_delete:.3f}\t{printable_path(entry.path)}")
