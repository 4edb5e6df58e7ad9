"""`catalog search`: search images by text."""

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.cli.params import BytesPath, Day, FormatName, Size
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.formatting import printable_path
from catalog.heads.stored_head import require_head
from catalog.similarity.search import SearchFilter, SearchQuery, result_record, search


@click.command("search")
@click.argument("texts", nargs=-1, metavar="[TEXT]...")
@click.option(
    "-k", "count", type=click.IntRange(1, 10_000), metavar="N", default=10, show_default=True, help="Number of images."
)
@click.option("--not", "unlike", multiple=True, metavar="TEXT", help="And not like this text (repeatable).")
@click.option("--like", "images", type=BytesPath(), multiple=True, help="And like this image (repeatable).")
@click.option("--below", type=BytesPath(), help="Only in this folder.")
@click.option("--since", type=Day(), default="", help="Only taken on or after this day: 2021, 2021-05, 2021-05-31.")
@click.option("--until", type=Day(), default="", help="Only taken on or before this day.")
@click.option("--label", type=click.Choice(["keep", "delete"]), default=None, help="Only images with this label.")
@click.option("--format", "format_", type=FormatName(), default="", help="Only this format: jpeg, png, heif, …")
@click.option("--larger", type=Size(), default=0, metavar="SIZE", help="Only files of at least this size, such as 5MB.")
@click.option("--smaller", type=Size(), default=0, metavar="SIZE", help="Only files of at most this size.")
@click.option("--least", type=click.FloatRange(0, 1), metavar="P", help="Only images with at least this p_delete.")
@click.option("--most", type=click.FloatRange(0, 1), metavar="P", help="Only images with at most this p_delete.")
@json_option
@with_catalog
def command(
    context: CatalogContext,
    texts: tuple[str, ...],
    count: int,
    unlike: tuple[str, ...],
    images: tuple[bytes, ...],
    below: bytes | None,
    since: str,
    until: str,
    label: str | None,
    format_: str,
    larger: int,
    smaller: int,
    least: float | None,
    most: float | None,
    as_json: bool,
) -> None:
    """Search images by text, by example images, or both; print cosine similarity and path, best first.

    Several texts, images and negations are combined. Text needs a model that can search by text: see
    `catalog model list`.

    \b
    Examples:
      catalog search "a shrine under a full moon"
      catalog search beach --not people --since 2021-06 --until 2021-08
      catalog search --like ~/Pictures/garden.jpg -k 5
    """
    texts = tuple(text for text in texts if text.strip())
    if not texts and not images:
        raise UsageError(
            "name a text or an image to search for", 'Example: `catalog search "a shrine under a full moon"`.'
        )
    if (least, most) != (None, None):
        require_head(context.database)
    conditions = SearchFilter(below or b"", since, until, label or "", format_, larger, smaller, least, most)
    found = list(search(context, SearchQuery(texts, unlike, images), conditions, count))
    if as_json:
        echo_json_lines(result_record(entry, cosine) for entry, cosine in found)
        return
    if not found:
        click.echo("no image found", err=True)
    for entry, cosine in found:
        click.echo(f"{cosine:.4f}\t{printable_path(entry.path)}")
