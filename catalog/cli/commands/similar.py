"""`catalog similar`: the images most like one image."""

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.cli.params import BytesPath
from catalog.context import CatalogContext
from catalog.formatting import path_text, printable_path
from catalog.similarity.nearest import SimilarFile, similar_files


@click.command("similar")
@click.argument("path", type=BytesPath())
@click.option("-k", "count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many.")
@json_option
@with_catalog
def command(asking: CatalogContext, path: bytes, count: int, as_json: bool) -> None:
    """The images most like PATH, which need not be in the catalog: cosine (1 is the same) and path."""
    found = similar_files(asking, path, count)
    if as_json:
        echo_json_lines(_record(one) for one in found)
        return
    for one in found:
        click.echo(f"{one.cosine:.4f}\t{printable_path(one.entry.path)}")


def _record(one: SimilarFile) -> dict[str, object]:
    same = None if one.explained_share is None else round(one.explained_share, 4)
    return {"path": path_text(one.entry.path), "cosine": round(one.cosine, 6), "same": same}
