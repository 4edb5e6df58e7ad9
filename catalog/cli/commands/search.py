"""`catalog search`: pictures by what is said of them."""

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.cli.params import BytesPath, Day, FormatName, Size
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.formatting import printable_path
from catalog.heads.stored_head import require_head
from catalog.similarity.search import SearchFilter, SearchQuery, result_record, search


@click.command("search")
@click.argument("words", nargs=-1, metavar="[TEXT]...")
@click.option("-k", "count", type=click.IntRange(1, 10_000), default=10, show_default=True, help="How many.")
@click.option("--not", "unlike", multiple=True, metavar="TEXT", help="And not like this (repeatable).")
@click.option("--like", "pictures", type=BytesPath(), multiple=True, help="And like this picture (repeatable).")
@click.option("--below", type=BytesPath(), help="Only in this folder.")
@click.option("--since", type=Day(), default="", help="Only taken on that day or later: 2021, 2021-05, 2021-05-31.")
@click.option("--until", type=Day(), default="", help="Only taken on that day or earlier.")
@click.option("--label", type=click.Choice(["keep", "delete"]), default=None, help="Only what you labelled so.")
@click.option("--format", "format_", type=FormatName(), default="", help="Only this format: jpeg, png, heif, …")
@click.option("--larger", type=Size(), default=0, metavar="SIZE", help="Only files of at least this size, such as 5MB.")
@click.option("--smaller", type=Size(), default=0, metavar="SIZE", help="Only files of at most this size.")
@click.option("--least", type=click.FloatRange(0, 1), help="Only from this p_delete on.")
@click.option("--most", type=click.FloatRange(0, 1), help="Only up to this p_delete.")
@json_option
@with_catalog
def command(
    asking: CatalogContext,
    words: tuple[str, ...],
    count: int,
    unlike: tuple[str, ...],
    pictures: tuple[bytes, ...],
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
    """Pictures that TEXT describes: cosine and path. Several TEXTs, pictures and negations are taken together.

    It needs a model that knows words; see `catalog model list`.
    """
    words = tuple(word for word in words if word.strip())
    if not words and not pictures:
        raise UsageError("there is nothing to look for", 'Say what: `catalog search "a shrine under a full moon"`.')
    if (least, most) != (None, None):
        require_head(asking.database)
    conditions = SearchFilter(below or b"", since, until, label or "", format_, larger, smaller, least, most)
    found = list(search(asking, SearchQuery(words, unlike, pictures), conditions, count))
    if as_json:
        echo_json_lines(result_record(entry, cosine) for entry, cosine in found)
        return
    if not found:
        click.echo("no picture fits", err=True)
    for entry, cosine in found:
        click.echo(f"{cosine:.4f}\t{printable_path(entry.path)}")
