"""`catalog candidates`: likely deletions, to review."""

from pathlib import Path

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.formatting import printable_path
from catalog.heads.candidates import DeletionCandidate, deletion_candidates
from catalog.heads.review_folder import write_links, write_list


@click.command("candidates")
@click.option(
    "-n", "count", type=click.IntRange(1), metavar="N", default=100, show_default=True, help="Number of images."
)
@click.option(
    "--least", type=click.FloatRange(0, 1), metavar="P", default=0.0, help="Only images with at least this p_delete."
)
@click.option(
    "--links",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Fill FOLDER with links, in the order of the list.",
)
@click.option("--mtimes", is_flag=True, help="Give the links descending mtimes, for viewers that sort by date only.")
@click.option("--files", type=click.Path(path_type=Path), metavar="FILE", help="Write the paths to FILE, one per line.")
@click.option("-0", "nul", is_flag=True, help="End the paths in --files with NUL instead of a newline.")
@json_option
@with_catalog
def command(
    context: CatalogContext,
    count: int,
    least: float,
    links: Path | None,
    mtimes: bool,
    files: Path | None,
    nul: bool,
    as_json: bool,
) -> None:
    """List the images you would most likely delete, with the reasons. Nothing is deleted.

    Images labelled keep are left out, and so is the best image of each group of near duplicates.

    \b
    Examples:
      catalog candidates -n 20
      catalog candidates --least 0.9 --links /tmp/review
      catalog candidates --files delete.txt
    """
    found = list(deletion_candidates(context, count, least))
    paths = [candidate.files[0].path for candidate in found]
    if links is not None:
        click.echo(f"{write_links(links, paths, mtimes=mtimes)} links in {links}", err=True)
    if files is not None:
        write_list(files, paths, nul)
    if as_json:
        echo_json_lines(candidate.record() for candidate in found)
    elif links is None and files is None:
        _print(found)


def _print(found: list[DeletionCandidate]) -> None:
    from catalog.console import format_size, print_table

    rows = (
        (
            f"{candidate.p_delete:.3f}",
            candidate.decision,
            format_size(candidate.files[0].bytes),
            printable_path(candidate.files[0].path),
            "; ".join(candidate.reasons),
        )
        for candidate in found
    )
    if found:
        print_table(("p_delete", "head says", "size", "path", "reasons"), rows, right=("p_delete", "size"))
    freed = sum(file.bytes for candidate in found for file in candidate.files)
    plural = "" if len(found) == 1 else "s"
    click.echo(f"{len(found)} candidate{plural}, {format_size(freed)} including their copies", err=True)
