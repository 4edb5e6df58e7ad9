"""`catalog check`: the invariant, asserted on the owner's own catalog."""

from dataclasses import asdict

import click

from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.formatting import path_text, printable_path
from catalog.integrity.check import CheckFinding, check_catalog
from catalog.integrity.repair import repair_catalog

EXIT_FINDINGS = 1


@click.command("check")
@click.option("--fix", is_flag=True, help="Repair what is derived; have the rest read again.")
@click.option("--no-disk", is_flag=True, help="Look at the catalog and the index only.")
@json_option
@with_catalog
def command(asking: CatalogContext, fix: bool, no_disk: bool, as_json: bool) -> int:
    """Compare catalog, disk and index. Prints what does not fit, one finding a line; exit code 1 if there is any."""
    found = check_catalog(asking.config, asking.database, disk=not no_disk)
    for finding in found:
        _print_finding(finding, as_json)
    if fix and found:
        for line in repair_catalog(asking.config, found):
            click.echo(f"fixed: {line}", err=True)
        found = check_catalog(asking.config, asking.database, disk=not no_disk)
    click.echo(f"{len(found)} findings{' are left' if fix else ''}" if found else "all is as it should be", err=True)
    return EXIT_FINDINGS if found else 0


def _print_finding(finding: CheckFinding, as_json: bool) -> None:
    where = None if finding.path is None else finding.path
    if as_json:
        echo_json(asdict(finding) | {"path": None if where is None else path_text(where)})
    else:
        click.echo(f"{finding.kind}: {'' if where is None else printable_path(where) + ': '}{finding.detail}")
