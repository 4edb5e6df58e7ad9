"""`catalog next`: images to label next."""

from typing import TYPE_CHECKING

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.files.queries import FileEntry
from catalog.formatting import path_text, printable_path
from catalog.heads.active_learning import most_informative

if TYPE_CHECKING:
    from catalog.json_types.labels import LabelSuggestionJson


@click.command("next")
@click.option(
    "-n", "count", type=click.IntRange(1, 1000), metavar="N", default=20, show_default=True, help="Number of images."
)
@json_option
@with_catalog
def command(context: CatalogContext, count: int, as_json: bool) -> None:
    """Suggest which images to label next: those whose label the head is least sure of, and unlike one another.

    \b
    Examples:
      catalog next
      catalog next -n 50 --json
    """
    found = most_informative(context.database, count)
    if as_json:
        echo_json_lines(_record(entry, p_delete) for entry, p_delete in found)
        return
    for entry, p_delete in found:
        click.echo(f"{p_delete:.3f}\t{printable_path(entry.path)}")


def _record(entry: FileEntry, p_delete: float) -> "LabelSuggestionJson":
    return {"path": path_text(entry.path), "p_delete": round(p_delete, 6)}
