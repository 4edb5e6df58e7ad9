"""`catalog next`: which labels would teach most."""

import click

from catalog.cli.options import asks, json_option, put_lines
from catalog.context import Asking
from catalog.formatting import show, text
from catalog.heads.active_learning import lessons


@click.command("next")
@click.option("-n", "count", type=click.IntRange(1, 1000), default=20, show_default=True, help="How many.")
@json_option
@asks
def command(asking: Asking, count: int, as_json: bool) -> None:
    """The pictures whose labels would teach most: the head is unsure of them, and they are unlike one another."""
    found = lessons(asking, count)
    if as_json:
        put_lines({"path": text(entry.path), "p_delete": round(chance, 6)} for entry, chance in found)
        return
    for entry, chance in found:
        click.echo(f"{chance:.3f}\t{show(entry.path)}")
