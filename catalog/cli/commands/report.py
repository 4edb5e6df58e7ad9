"""`catalog report`: what happened, and what needs a person."""

import time
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalog.cli.options import asks, json_option, put
from catalog.context import Asking
from catalog.entry_point import say
from catalog.errors import Fault, PlaceFault

if TYPE_CHECKING:
    from catalog.report.build import Report

FINDINGS = 1
DATES = ("%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S")


@click.command("report")
@click.option("--html", "file", type=click.Path(path_type=Path, dir_okay=False), help="Write the page here too.")
@click.option("--since", type=click.DateTime(DATES), help="What is new since then; not kept, not sent.")
@json_option
@asks
def command(asking: Asking, file: Path | None, since: datetime | None, as_json: bool) -> int:
    """Damage, roots, coverage, candidates, model and all else since the last report. It is kept in the state directory,
    as a page and as JSON. Exit code 1 if something needs a person.
    """
    # Heavy, all of it: whoever asks for --help does not wait for numpy.
    from catalog.console import Sheet
    from catalog.report.archive import last, series
    from catalog.report.build import build
    from catalog.report.page import page
    from catalog.report.terminal import write
    from catalog.report.thumbnails import develop

    now, from_ = time.time(), _seconds(since) if since else None
    report = build(asking, now, last(series(asking.config.state), now, from_))
    if as_json:
        put(report.record())
    else:
        write(report, Sheet())
    if file is None and since is not None:
        return FINDINGS if report.alarms else 0
    made = page(report, develop(report.pictures, asking.config.intake))
    if file is not None:
        _write(file, made)
    unsent = since is None and not _keep(asking, report, made)
    return FINDINGS if report.alarms or unsent else 0


def _seconds(local: datetime) -> float:
    try:
        return local.timestamp()
    except (OverflowError, ValueError):  # local time looks at the days around it: the first and the last lack one
        return local.replace(tzinfo=UTC).timestamp()


def _write(file: Path, made: str) -> None:
    try:
        file.write_text(made, encoding="utf-8")
    except OSError as error:
        raise PlaceFault(f"cannot write {file}: {error.strerror}", "Name another place.") from error


def _keep(asking: Asking, report: "Report", made: str) -> bool:
    """Put it among the others, and send it; whether all of that went well. Raises PlaceFault if it cannot be kept."""
    from catalog.console import Sheet
    from catalog.report.archive import keep_report
    from catalog.report.delivery import send
    from catalog.report.terminal import write
    from catalog.report.wording import day_of

    settings = asking.config.report
    place = keep_report(asking.config.state, day_of(report.at), report.record(), made, settings.keep)
    click.echo(f"kept: {place}", err=True)
    if not settings.command.strip():
        return True
    sheet = Sheet(width=80)
    write(report, sheet)
    try:
        send(settings.command, place, sheet.text)
    except Fault as fault:
        say(fault.problem, fault.remedy)  # the report is there, and whoever reads its exit code learns of it
        return False
    return True
