"""`catalog rejected`: files that cannot be read as images, and the rate of damaged arrivals."""

import csv
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, TextIO

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.files.queries import count_suspects
from catalog.formatting import printable_text
from catalog.integrity.rejected import COLUMNS, damage_rates, rejected_records

if TYPE_CHECKING:
    from catalog.json_types.integrity import DamageRateJson, RejectedFileJson

PERIOD_DAYS = 90


@click.command("rejected")
@click.option(
    "--csv",
    "csv_file",
    type=click.File("w", lazy=False),
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Write CSV to FILE, or to stdout without FILE.",
)
@click.option("--rates", "as_rates", is_flag=True, help="Show the rate of damaged images by root and day instead.")
@json_option
@with_catalog
def command(context: CatalogContext, csv_file: TextIO | None, as_rates: bool, as_json: bool) -> None:
    """List files that cannot be read as images: reason, path, the decoder's message, and when they were first seen.

    \b
    Examples:
      catalog rejected
      catalog rejected --csv rejected.csv
      catalog rejected --rates
    """
    if as_rates:
        percent = context.config.alarm.damaged_percent
        days = [rate.record(percent) for rate in damage_rates(context.database, time.time(), PERIOD_DAYS)]
        echo_json_lines(days) if as_json else _print_rates(days)
    elif csv_file is not None:
        writer = csv.writer(csv_file)
        writer.writerow(COLUMNS)
        for record in rejected_records(context.database):
            cells = dict(record)
            writer.writerow([_cell(name, cells[name]) for name in COLUMNS])
    elif as_json:
        echo_json_lines(rejected_records(context.database))
    else:
        _print(list(rejected_records(context.database)), count_suspects(context.database))


def _cell(name: str, value: object) -> object:
    if value is None:
        return ""
    return printable_text(str(value)) if name in ("path", "root") else value


def _print(records: "list[RejectedFileJson]", suspects: int) -> None:
    from catalog.console import print_table

    rows = (
        (record["reason"], printable_text(record["path"]), record["detail"], (record["first_seen"] or "")[:16])
        for record in records
    )
    if records:
        print_table(("reason", "path", "detail", "first seen"), rows)
    more = f"; {suspects} suspect: see `catalog ls --suspect`" if suspects else ""
    click.echo(f"{len(records)} rejected{more}", err=True)


def _print_rates(days: "Iterable[DamageRateJson]") -> None:
    from catalog.console import print_table

    rows = [
        (
            day["day"],
            f"{day['files']:,}",
            f"{day['damaged']:,}",
            f"{day['percent']:.1f}",
            printable_text(day["path"]),
            "check how images get there" if day["alarm"] else "",
        )
        for day in days
    ]
    if rows:
        print_table(("day", "files", "damaged", "percent", "root", ""), rows, right=("files", "damaged", "percent"))
    click.echo(f"{len(rows)} day{'' if len(rows) == 1 else 's'}", err=True)
