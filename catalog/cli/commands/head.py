"""`catalog head`: the heads that were trained, compared; and going back to an earlier one."""

import time
from typing import Any

import click

from catalog.cli.options import asks, json_option, put_lines
from catalog.client.process import running
from catalog.context import Asking
from catalog.errors import UsageFault
from catalog.heads.retraining import head_standing, told
from catalog.heads.scoring import catch_up
from catalog.heads.stored_head import Kept, kept, use
from catalog.store.database import Database
from catalog.store.models import current


@click.group("head")
def command() -> None:
    """What was learned so far: list the heads, or go back to one."""


@command.command("list")
@json_option
@asks
def list_(asking: Asking, as_json: bool) -> None:
    """Every head with its held-out figures, the newest first."""
    found, names = kept(asking.database), _names(asking.database)
    if as_json:
        put_lines(_line(one, names) for one in found)
        return
    from catalog.console import table

    columns = ("head", "made", "model", "in use", "labels", "auc", "average precision", "calibration error")
    table(columns, (_row(one, names) for one in found), right=("labels",))
    standing = head_standing(asking.database, None)
    if standing["state"] == "owed":
        click.echo(f"head {told(standing)}", err=True)


def _names(database: Database) -> dict[int, str]:
    return dict(database.rows("SELECT id, name FROM model"))


def _line(one: Kept, names: dict[int, str]) -> dict[str, Any]:
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one.made_at))
    model = {"model": one.head.model, "model_name": names[one.model]}
    return {"head": one.id, "made_at": made, "used": one.used, **model, **one.head.record}


def _row(one: Kept, names: dict[int, str]) -> tuple[object, ...]:
    figures = one.head.record["figures"]
    made = time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.made_at))
    told = (_figure(figures[name]) for name in ("auc", "average_precision", "calibration_error"))
    return one.id, made, names[one.model], "yes" if one.used else "", f"{one.head.record['labels']:,}", *told


def _figure(figure: list[float | None]) -> str:
    value, low, high = figure
    return "-" if value is None else f"{value:.3f} ({low:.3f} … {high:.3f})"


@command.command("use")
@click.argument("number", type=int, metavar="HEAD")
@asks
def use_(asking: Asking, number: int) -> None:
    """Have HEAD score everything from now on; no pixel is read for it."""
    chosen = next((one for one in kept(asking.database) if one.id == number), None)
    if chosen is None:
        raise UsageFault(f"there is no head {number}", "See `catalog head list`.")
    model = current(asking.database)
    if model is not None and chosen.model != model.id:
        name = _names(asking.database)[chosen.model]
        raise UsageFault(
            f"head {number} was trained for the model {name}, its weights mean nothing to {model.name}",
            "Choose one of this model, or `catalog train` another.",
        )
    database = Database(asking.config.database, write=True)
    try:
        with database.transaction():
            use(database, number)
        if not running(asking.config.state):
            click.echo(f"{catch_up(database):,} scored", err=True)
    finally:
        database.close()
