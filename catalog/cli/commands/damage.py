"""`catalog damage`: files with bit rot, and intact copies of them."""

from typing import TYPE_CHECKING

import click

from catalog import exit_codes
from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.formatting import format_utc, path_text, printable_path
from catalog.integrity.damage import Damage, damaged_files

if TYPE_CHECKING:
    from catalog.json_types.integrity import DamagedFileJson


@click.command("damage")
@json_option
@with_catalog
def command(context: CatalogContext, as_json: bool) -> int:
    """List files with bit rot, the evidence, and where intact copies are. The exit code is 1 if there are any.

    Restore such a file from an intact copy, or overrule the verdict with `catalog accept`.

    \b
    Examples:
      catalog damage
      catalog damage --json
    """
    count = 0
    for damage in damaged_files(context.database):
        count += 1
        if as_json:
            echo_json(_record(damage))
        else:
            _print(damage)
    click.echo(f"{count} damaged" if count else "no damage found", err=True)
    return exit_codes.FINDINGS if count else exit_codes.OK


def _record(damage: Damage) -> "DamagedFileJson":
    return {
        "path": path_text(damage.entry.path),
        "verdict": damage.verdict,
        "seen_at": format_utc(damage.at),
        "evidence": damage.evidence,
        "state": damage.entry.state,
        "sha256": damage.entry.sha256 and damage.entry.sha256.lower(),
        "lost": damage.lost,
        "copies": [path_text(copy.path) for copy in damage.copies],
    }


def _print(damage: Damage) -> None:
    click.echo(f"{damage.verdict}\t{printable_path(damage.entry.path)}")
    click.echo(f"  found   {format_utc(damage.at)}: {damage.evidence}")
    click.echo(f"  lost    {damage.lost}")
    for copy in damage.copies:
        click.echo(f"  intact  {printable_path(copy.path)}")
    if not damage.copies:
        click.echo("  no intact copy known")
