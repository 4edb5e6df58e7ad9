"""`catalog check`: consistency of catalog, disk and index."""

from typing import TYPE_CHECKING

import click

from catalog import exit_codes
from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.formatting import path_text, printable_path
from catalog.integrity.check import CheckFinding, check_catalog
from catalog.integrity.repair import repair_catalog

if TYPE_CHECKING:
    from catalog.json_types.integrity import CheckFindingJson


@click.command("check")
@click.option("--fix", is_flag=True, help="Rebuild derived data, and schedule files in doubt to be read again.")
@click.option("--no-disk", is_flag=True, help="Check only the catalog and the index.")
@json_option
@with_catalog
def command(context: CatalogContext, fix: bool, no_disk: bool, as_json: bool) -> int:
    """Check that catalog, disk and index agree, and print one inconsistency per line.

    The exit code is 1 if there is any.

    \b
    Examples:
      catalog check
      catalog check --no-disk
      catalog check --fix
    """
    findings = check_catalog(context.config, context.database, disk=not no_disk)
    for finding in findings:
        if as_json:
            echo_json(_record(finding))
        else:
            where = "" if finding.path is None else f"{printable_path(finding.path)}: "
            click.echo(f"{finding.kind}: {where}{finding.detail}")
    if fix and findings:
        for line in repair_catalog(context.config, findings):
            click.echo(f"fixed: {line}", err=True)
        findings = check_catalog(context.config, context.database, disk=not no_disk)
    plural = "" if len(findings) == 1 else "s"
    summary = f"{len(findings)} finding{plural}{' left' if fix else ''}" if findings else "no problems found"
    click.echo(summary, err=True)
    return exit_codes.FINDINGS if findings else exit_codes.OK


def _record(finding: CheckFinding) -> "CheckFindingJson":
    path = None if finding.path is None else path_text(finding.path)
    return {"kind": finding.kind, "path": path, "detail": finding.detail}
