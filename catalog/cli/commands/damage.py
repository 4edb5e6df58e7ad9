"""`catalog damage`: what has rotted, and where it is still whole."""

import click

from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.formatting import format_utc, path_text, printable_path
from catalog.integrity.damage import Damage, damaged_files

EXIT_FINDINGS = 1


@click.command("damage")
@json_option
@with_catalog
def command(asking: CatalogContext, as_json: bool) -> int:
    """Files whose bytes have rotted or seem so, why, and the copies of what they held. Exit code 1 if there are any."""
    count = 0
    for one in damaged_files(asking.database):
        count += 1
        if as_json:
            echo_json(_record(one))
        else:
            _print(one)
    click.echo(f"{count} damaged" if count else "nothing is damaged", err=True)
    return EXIT_FINDINGS if count else 0


def _record(one: Damage) -> dict[str, object]:
    return {
        "path": path_text(one.entry.path),
        "verdict": one.verdict,
        "seen_at": format_utc(one.at),
        "evidence": one.evidence,
        "state": one.entry.state,
        "sha256": one.entry.sha256 and one.entry.sha256.lower(),
        "lost": one.lost,
        "copies": [path_text(copy.path) for copy in one.copies],
    }


def _print(one: Damage) -> None:
    click.echo(f"{one.verdict}\t{printable_path(one.entry.path)}")
    click.echo(f"  found  {format_utc(one.at)}: {one.evidence}")
    click.echo(f"  lost   {one.lost}")
    for copy in one.copies:
        click.echo(f"  whole  {printable_path(copy.path)}")
    if not one.copies:
        click.echo("  no whole copy is known")
