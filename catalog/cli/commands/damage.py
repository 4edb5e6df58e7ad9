"""`catalog damage`: what has rotted, and where it is still whole."""

import click

from catalog.cli.options import asks, json_option, put
from catalog.context import Asking
from catalog.formatting import moment, show, text
from catalog.integrity.damage import Damage, damage

FINDINGS = 1


@click.command("damage")
@json_option
@asks
def command(asking: Asking, as_json: bool) -> int:
    """Files whose bytes have rotted or seem so, why, and the copies of what they held. Exit code 1 if there are any."""
    count = 0
    for one in damage(asking.database):
        count += 1
        if as_json:
            put(_record(one))
        else:
            _print(one)
    click.echo(f"{count} damaged" if count else "nothing is damaged", err=True)
    return FINDINGS if count else 0


def _record(one: Damage) -> dict[str, object]:
    return {
        "path": text(one.entry.path),
        "verdict": one.verdict,
        "seen_at": moment(one.at),
        "evidence": one.evidence,
        "state": one.entry.state,
        "sha256": one.entry.sha256 and one.entry.sha256.lower(),
        "lost": one.lost,
        "copies": [text(copy.path) for copy in one.copies],
    }


def _print(one: Damage) -> None:
    click.echo(f"{one.verdict}\t{show(one.entry.path)}")
    click.echo(f"  found  {moment(one.at)}: {one.evidence}")
    click.echo(f"  lost   {one.lost}")
    for copy in one.copies:
        click.echo(f"  whole  {show(copy.path)}")
    if not one.copies:
        click.echo("  no whole copy is known")
