"""`catalog similar`: the images most like one image."""

import click

from catalog.asking import Asking, BytesPath, asks, json_option, put_lines
from catalog.display import show, text
from catalog.likeness import similar


@click.command("similar")
@click.argument("path", type=BytesPath())
@click.option("-k", "count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many.")
@json_option
@asks
def command(asking: Asking, path: bytes, count: int, as_json: bool) -> None:
    """The images most like PATH, which need not be in the catalog: cosine (1 is the same) and path."""
    found = similar(asking, path, count)
    if as_json:
        put_lines({"path": text(entry.path), "cosine": round(cosine, 6)} for entry, cosine in found)
        return
    for entry, cosine in found:
        click.echo(f"{cosine:.4f}\t{show(entry.path)}")
