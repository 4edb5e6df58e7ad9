"""`catalog head`: the heads that were trained, compared; and going back to an earlier one."""

import time
from typing import Any

import click

from catalog.asking import Asking, asks, json_option, put_lines
from catalog.db import Database
from catalog.faults import UsageFault
from catalog.heads import Kept, kept, use
from catalog.running import running
from catalog.scoring import catch_up


@click.group("head")
def command() -> None:
    """What was learned so far: list the heads, or go back to one."""


@command.command("list")
@json_option
@asks
def list_(asking: Asking, as_json: bool) -> None:
    """Every head with its held-out figures, the newest first."""
    found = kept(asking.database)
    if as_json:
        put_lines(_line(one) for one in found)
        return
    from catalog.render import table

    columns = ("head", "made", "in use", "labels", "auc", "average precision", "calibration error")
    table(columns, (_row(one) for one in found), right=("labels",))


def _line(one: Kept) -> dict[str, Any]:
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one.made_at))
    return {"head": one.id, "made_at": made, "used": one.used, "model": one.head.model, **one.head.record}


def _row(one: Kept) -> tuple[object, ...]:
    figures = one.head.record["figures"]
    made = time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.made_at))
    told = (_figure(figures[name]) for name in ("auc", "average_precision", "calibration_error"))
    return one.id, made, "yes" if one.used else "", f"{one.head.record['labels']:,}", *told


def _figure(figure: list[float | None]) -> str:
    value, low, high = figure
    return "-" if value is None else f"{value:.3f} ({low:.3f} … {high:.3f})"


@command.command("use")
@click.argument("number", type=int, metavar="HEAD")
@asks
def use_(asking: Asking, number: int) -> None:
    """Have HEAD score everything from now on; no pixel is read for it."""
    if number not in {one.id for one in kept(asking.database)}:
        raise UsageFault(f"there is no head {number}", "See `catalog head list`.")
    database = Database(asking.config.database, write=True)
    try:
        with database.transaction():
            use(database, number)
        if not running(asking.config.state):
            click.echo(f"{catch_up(database):,} scored", err=True)
    finally:
        database.close()
