"""`catalog check`: the invariant, asserted on the owner's own catalog."""

from dataclasses import asdict

import click

from catalog.cli.options import asks, json_option, put
from catalog.context import Asking
from catalog.formatting import show, text
from catalog.integrity.check import Finding, check
from catalog.integrity.repair import repair

FINDINGS = 1


@click.command("check")
@click.option("--fix", is_flag=True, help="Repair what is derived; have the rest read again.")
@click.option("--no-disk", is_flag=True, help="Look at the catalog and the index only.")
@json_option
@asks
def command(asking: Asking, fix: bool, no_disk: bool, as_json: bool) -> int:
    """Compare catalog, disk and index. Prints what does not fit, one finding a line; exit code 1 if there is any."""
    found = check(asking.config, asking.database, disk=not no_disk)
    for finding in found:
        _tell(finding, as_json)
    if fix and found:
        for line in repair(asking.config, found):
            click.echo(f"fixed: {line}", err=True)
        found = check(asking.config, asking.database, disk=not no_disk)
    click.echo(f"{len(found)} findings{' are left' if fix else ''}" if found else "all is as it should be", err=True)
    return FINDINGS if found else 0


def _tell(finding: Finding, as_json: bool) -> None:
    where = None if finding.path is None else finding.path
    if as_json:
        put(asdict(finding) | {"path": None if where is None else text(where)})
    else:
        click.echo(f"{finding.kind}: {'' if where is None else show(where) + ': '}{finding.detail}")
