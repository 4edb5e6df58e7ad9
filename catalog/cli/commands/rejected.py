"""`catalog rejected`: the quarantine list, and how much of what comes in is damaged."""

import csv
import time
from collections.abc import Iterable
from typing import Any, TextIO

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.files.queries import count_suspects
from catalog.formatting import printable_text
from catalog.integrity.rejected import COLUMNS, damage_rates, rejected_records

PERIOD_DAYS = 90


@click.command("rejected")
@click.option(
    "--csv",
    "csv_file",
    type=click.File("w", lazy=False),
    is_flag=False,
    flag_value="-",
    metavar="[FILE]",
    help="Write CSV, to stdout without a FILE.",
)
@click.option("--rates", "as_rates", is_flag=True, help="Damaged images by root and day instead of the files.")
@json_option
@with_catalog
def command(asking: CatalogContext, csv_file: TextIO | None, as_rates: bool, as_json: bool) -> None:
    """Files that cannot be read as images: path, reason, the decoder's words, when they were first seen."""
    if as_rates:
        percent = asking.config.alarm.damaged_percent
        days = [rate.record(percent) for rate in damage_rates(asking.database, time.time(), PERIOD_DAYS)]
        echo_json_lines(days) if as_json else _print_rates(days)
    elif csv_file is not None:
        writer = csv.writer(csv_file)
        writer.writerow(COLUMNS)
        writer.writerows([_cell(name, line[name]) for name in COLUMNS] for line in rejected_records(asking.database))
    elif as_json:
        echo_json_lines(rejected_records(asking.database))
    else:
        _print(list(rejected_records(asking.database)), count_suspects(asking.database))


def _cell(name: str, value: Any) -> Any:
    if value is None:
        return ""
    return printable_text(value) if name in ("path", "root") else value


def _print(found: list[dict[str, Any]], doubtful: int) -> None:
    from catalog.console import print_table

    rows = ((line["reason"], printable_text(line["path"]), line["detail"], line["first_seen"][:16]) for line in found)
    if found:
        print_table(("reason", "path", "detail", "first seen"), rows)
    more = f"; {doubtful} suspect: see `catalog ls --suspect`" if doubtful else ""
    click.echo(f"{len(found)} rejected{more}", err=True)


def _print_rates(days: Iterable[dict[str, Any]]) -> None:
    from catalog.console import print_table

    rows = [
        (
            *(
                line["day"],
                f"{line['files']:,}",
                f"{line['damaged']:,}",
                f"{line['percent']:.1f}",
                printable_text(line["path"]),
            ),
            "look at how they get there" if line["alarm"] else "",
        )
        for line in days
    ]
    if rows:
        print_table(("day", "files", "damaged", "percent", "root", ""), rows, right=("files", "damaged", "percent"))
    click.echo(f"{len(rows)} day{'' if len(rows) == 1 else 's'}", err=True)
