"""`catalog candidates`: what to look at first."""

from pathlib import Path

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.formatting import printable_path
from catalog.heads.candidates import DeletionCandidate, deletion_candidates
from catalog.heads.review_folder import write_links, write_list


@click.command("candidates")
@click.option("-n", "count", type=click.IntRange(1), default=100, show_default=True, help="How many.")
@click.option("--least", type=click.FloatRange(0, 1), default=0.0, help="Only from this p_delete on.")
@click.option("--links", type=click.Path(path_type=Path), help="Fill this folder with links in the order of the list.")
@click.option("--mtimes", is_flag=True, help="Give the links falling mtimes, for viewers that sort by nothing else.")
@click.option("--files", type=click.Path(path_type=Path), help="Write the paths to this file, one a line.")
@click.option("-0", "zero", is_flag=True, help="End the paths of --files with NUL instead.")
@json_option
@with_catalog
def command(
    context: CatalogContext,
    count: int,
    least: float,
    links: Path | None,
    mtimes: bool,
    files: Path | None,
    zero: bool,
    as_json: bool,
) -> None:
    """Files by how likely you are to delete them, with the reasons. What you labelled `keep` is never among them, nor
    the best one of several near copies. Nothing is deleted.
    """
    candidates = list(deletion_candidates(context, count, least))
    paths = [candidate.files[0].path for candidate in candidates]
    if links is not None:
        click.echo(f"{write_links(links, paths, mtimes=mtimes)} links in {links}", err=True)
    if files is not None:
        write_list(files, paths, zero)
    if as_json:
        echo_json_lines(candidate.record() for candidate in candidates)
    elif links is None and files is None:
        _print(candidates)


def _print(candidates: list[DeletionCandidate]) -> None:
    from catalog.console import format_size, print_table

    rows = (
        (
            f"{one.p_delete:.3f}",
            one.decision,
            format_size(one.files[0].bytes),
            printable_path(one.files[0].path),
            "; ".join(one.reasons),
        )
        for one in candidates
    )
    if candidates:
        print_table(("p_delete", "head says", "size", "path", "why"), rows, right=("p_delete", "size"))
    freed = sum(file.bytes for one in candidates for file in one.files)
    click.echo(f"{len(candidates)} candidates, {format_size(freed)} with their copies", err=True)
