"""`catalog report`: what needs attention, and what is new."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalog import exit_codes
from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.entry_point import print_error
from catalog.errors import CatalogError, resource_errors

if TYPE_CHECKING:
    from catalog.report.build import Report

DATE_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


@click.command("report")
@click.option("--html", "file", type=click.Path(path_type=Path, dir_okay=False), help="Also write the page to FILE.")
@click.option(
    "--since",
    type=click.DateTime(DATE_FORMATS),
    metavar="TIME",
    help="Show what is new since TIME, such as 2026-11-01 or 2026-11-01T06:30; nothing is stored or sent.",
)
@json_option
@with_catalog
def command(context: CatalogContext, file: Path | None, since: datetime | None, as_json: bool) -> int:
    """Show what needs attention and what is new since the last report.

    The report is stored in the state directory as HTML and JSON, and sent with `[report] command` if that is set. The
    exit code is 1 if something needs attention or the report could not be sent.

    \b
    Examples:
      catalog report
      catalog report --since 2026-11-01
      catalog report --html report.html
    """
    # These import numpy: `--help` must not wait for it.
    from catalog.console import TextPage
    from catalog.report.archive import choose_baseline, read_reports
    from catalog.report.build import build_report
    from catalog.report.page import html_page
    from catalog.report.terminal import write_report
    from catalog.report.thumbnails import make_thumbnails

    now, since_seconds = time.time(), _timestamp(since) if since else None
    report = build_report(context, now, choose_baseline(read_reports(context.config.state), now, since_seconds))
    if as_json:
        echo_json(report.record())
    else:
        write_report(report, TextPage())
    if file is None and since is not None:
        return exit_codes.FINDINGS if report.alarms else exit_codes.OK
    page = html_page(report, make_thumbnails(report.thumbnail_paths, context.config.intake))
    if file is not None:
        with resource_errors(f"cannot write {file}", "Choose another file."):
            file.write_text(page, encoding="utf-8")
    unsent = since is None and not _store_and_send(context, report, page)
    return exit_codes.FINDINGS if report.alarms or unsent else exit_codes.OK


def _timestamp(local: datetime) -> float:
    try:
        return local.timestamp()
    except (OverflowError, ValueError):  # local time needs the neighbouring days, which years 1 and 9999 may lack
        return local.replace(tzinfo=UTC).timestamp()


def _store_and_send(context: CatalogContext, report: "Report", page: str) -> bool:
    """Store the report and send it; return whether it was sent, or need not be. Raises ResourceError if it cannot be
    stored.
    """
    from catalog.console import TextPage
    from catalog.report.archive import store_report
    from catalog.report.delivery import send_report
    from catalog.report.terminal import write_report
    from catalog.report.wording import format_local_date

    settings = context.config.report
    stored = store_report(context.config.state, format_local_date(report.at), report.record(), page, settings.keep)
    click.echo(f"stored: {stored}", err=True)
    if not settings.command.strip():
        return True
    text = TextPage(width=80)
    write_report(report, text)
    try:
        send_report(settings.command, stored, text.text)
    except CatalogError as error:
        print_error(error.problem, error.remedy)  # not fatal: the report is stored, and the exit code tells
        return False
    return True
