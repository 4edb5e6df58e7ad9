"""`catalog report`: what happened, and what needs a person."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.entry_point import print_error
from catalog.errors import CatalogError, ResourceError

if TYPE_CHECKING:
    from catalog.report.build import Report

EXIT_FINDINGS = 1
DATE_FORMATS = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


@click.command("report")
@click.option("--html", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the page here too.")
@click.option("--since", type=click.DateTime(DATE_FORMATS), help="What is new since then; not kept, not sent.")
@json_option
@with_catalog
def command(asking: CatalogContext, file: Path | None, since: datetime | None, as_json: bool) -> int:
    """Damage, roots, coverage, candidates, model and all else since the last report. It is kept in the state directory,
    as a page and as JSON. Exit code 1 if something needs a person.
    """
    # Heavy, all of it: whoever asks for --help does not wait for numpy.
    from catalog.console import TextPage
    from catalog.report.archive import choose_baseline, read_reports
    from catalog.report.build import build_report
    from catalog.report.page import html_page
    from catalog.report.terminal import write_report
    from catalog.report.thumbnails import make_thumbnails

    now, from_ = time.time(), _timestamp(since) if since else None
    report = build_report(asking, now, choose_baseline(read_reports(asking.config.state), now, from_))
    if as_json:
        echo_json(report.record())
    else:
        write_report(report, TextPage())
    if file is None and since is not None:
        return EXIT_FINDINGS if report.alarms else 0
    made = html_page(report, make_thumbnails(report.pictures, asking.config.intake))
    if file is not None:
        _write_page(file, made)
    unsent = since is None and not _store_and_send(asking, report, made)
    return EXIT_FINDINGS if report.alarms or unsent else 0


def _timestamp(local: datetime) -> float:
    try:
        return local.timestamp()
    except (OverflowError, ValueError):  # local time looks at the days around it: the first and the last lack one
        return local.replace(tzinfo=UTC).timestamp()


def _write_page(file: Path, made: str) -> None:
    try:
        file.write_text(made, encoding="utf-8")
    except OSError as error:
        raise ResourceError(f"cannot write {file}: {error.strerror}", "Name another place.") from error


def _store_and_send(asking: CatalogContext, report: "Report", made: str) -> bool:
    """Put it among the others, and send it; whether all of that went well. Raises PlaceFault if it cannot be kept."""
    from catalog.console import TextPage
    from catalog.report.archive import store_report
    from catalog.report.delivery import send_report
    from catalog.report.terminal import write_report
    from catalog.report.wording import format_local_date

    settings = asking.config.report
    place = store_report(asking.config.state, format_local_date(report.at), report.record(), made, settings.keep)
    click.echo(f"kept: {place}", err=True)
    if not settings.command.strip():
        return True
    sheet = TextPage(width=80)
    write_report(report, sheet)
    try:
        send_report(settings.command, place, sheet.text)
    except CatalogError as fault:
        print_error(fault.problem, fault.remedy)  # the report is there, and whoever reads its exit code learns of it
        return False
    return True
