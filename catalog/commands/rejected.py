"""`catalog rejected`: the quarantine list."""

import csv
import time
from typing import TextIO

import click

from catalog.asking import Asking, asks, json_option, put_lines
from catalog.display import show
from catalog.entries import Entry, rejected


@click.command("rejected")
@click.option("--csv", "csv_file", type=click.File("w", lazy=False), metavar="FILE", help="Write CSV; - is stdout.")
@json_option
@asks
def command(asking: Asking, csv_file: TextIO | None, as_json: bool) -> None:
    """Files that cannot be read as images: path, reason, the decoder's words, when they were first seen."""
    found = rejected(asking.database)
    if csv_file is not None:
        writer = csv.writer(csv_file)
        writer.writerow(("path", "reason", "detail", "first_seen"))
        writer.writerows(
            (show(entry.path), entry.reason, entry.detail or "", _when(entry.first_seen)) for entry in found
        )
    elif as_json:
        put_lines(entry.record() | {"first_seen": _when(entry.first_seen)} for entry in found)
    else:
        _print(list(found))


def _print(found: list[Entry]) -> None:
    from catalog.render import table

    rows = ((entry.reason, show(entry.path), entry.detail, _when(entry.first_seen)[:16]) for entry in found)
    if found:
        table(("reason", "path", "detail", "first seen"), rows)
    click.echo(f"{len(found)} rejected", err=True)


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
