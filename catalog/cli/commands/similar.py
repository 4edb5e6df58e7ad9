"""`catalog similar`: the images most similar to a given one."""

from typing import TYPE_CHECKING

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.cli.params import BytesPath
from catalog.context import CatalogContext
from catalog.formatting import path_text, printable_path
from catalog.similarity.nearest import SimilarFile, similar_files

if TYPE_CHECKING:
    from catalog.json_types.files import SimilarFileJson


@click.command("similar")
@click.argument("path", type=BytesPath())
@click.option(
    "-k", "count", type=click.IntRange(1, 10_000), metavar="N", default=10, show_default=True, help="Number of images."
)
@json_option
@with_catalog
def command(context: CatalogContext, path: bytes, count: int, as_json: bool) -> None:
    """Find the images most similar to PATH, which need not be in the catalog; print cosine similarity and path.

    \b
    Examples:
      catalog similar ~/Pictures/2021/garden.jpg
      catalog similar -k 3 ~/Downloads/unknown.png
    """
    found = similar_files(context, path, count)
    if as_json:
        echo_json_lines(map(_record, found))
        return
    for similar in found:
        click.echo(f"{similar.cosine:.4f}\t{printable_path(similar.entry.path)}")


def _record(similar: SimilarFile) -> "SimilarFileJson":
    same = None if similar.explained_share is None else round(similar.explained_share, 4)
    return {"path": path_text(similar.entry.path), "cosine": round(similar.cosine, 6), "same": same}
