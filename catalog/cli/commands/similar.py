"""`catalog similar`: the images most like one image."""

import click

from catalog.cli.options import asks, json_option, put_lines
from catalog.cli.params import BytesPath
from catalog.context import Asking
from catalog.formatting import show, text
from catalog.similarity.nearest import Likeness, similar


@click.command("similar")
@click.argument("path", type=BytesPath())
@click.option("-k", "count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many.")
@json_option
@asks
def command(asking: Asking, path: bytes, count: int, as_json: bool) -> None:
    """The images most like PATH, which need not be in the catalog: cosine (1 is the same) and path."""
    found = similar(asking, path, count)
    if as_json:
        put_lines(_record(one) for one in found)
        return
    for one in found:
        click.echo(f"{one.cosine:.4f}\t{show(one.entry.path)}")


def _record(one: Likeness) -> dict[str, object]:
    same = None if one.same is None else round(one.same, 4)
    return {"path": text(one.entry.path), "cosine": round(one.cosine, 6), "same": same}
