"""`catalog head`: the heads that were trained, compared; and going back to an earlier one."""

import time
from typing import Any

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.client.process import service_running
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.heads.retraining import head_status, head_summary
from catalog.heads.scoring import score_remaining
from catalog.heads.stored_head import StoredHead, activate_head, all_heads
from catalog.store.database import Database
from catalog.store.models import current_model


@click.group("head")
def command() -> None:
    """What was learned so far: list the heads, or go back to one."""


@command.command("list")
@json_option
@with_catalog
def list_(asking: CatalogContext, as_json: bool) -> None:
    """Every head with its held-out figures, the newest first."""
    found, names = all_heads(asking.database), _model_names(asking.database)
    if as_json:
        echo_json_lines(_record(one, names) for one in found)
        return
    from catalog.console import print_table

    columns = ("head", "made", "model", "in use", "labels", "auc", "average precision", "calibration error")
    print_table(columns, (_row(one, names) for one in found), right=("labels",))
    standing = head_status(asking.database, None)
    if standing["state"] == "owed":
        click.echo(f"head {head_summary(standing)}", err=True)


def _model_names(database: Database) -> dict[int, str]:
    return dict(database.rows("SELECT id, name FROM model"))


def _record(one: StoredHead, names: dict[int, str]) -> dict[str, Any]:
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(one.made_at))
    model = {"model": one.head.model, "model_name": names[one.model]}
    return {"head": one.id, "made_at": made, "used": one.used, **model, **one.head.record}


def _row(one: StoredHead, names: dict[int, str]) -> tuple[object, ...]:
    figures = one.head.record["figures"]
    made = time.strftime("%Y-%m-%d %H:%M", time.gmtime(one.made_at))
    told = (_format_interval(figures[name]) for name in ("auc", "average_precision", "calibration_error"))
    return one.id, made, names[one.model], "yes" if one.used else "", f"{one.head.record['labels']:,}", *told


def _format_interval(figure: list[float | None]) -> str:
    value, low, high = figure
    return "-" if value is None else f"{value:.3f} ({low:.3f} … {high:.3f})"


@command.command("use")
@click.argument("number", type=int, metavar="HEAD")
@with_catalog
def use_(asking: CatalogContext, number: int) -> None:
    """Have HEAD score everything from now on; no pixel is read for it."""
    chosen = next((one for one in all_heads(asking.database) if one.id == number), None)
    if chosen is None:
        raise UsageError(f"there is no head {number}", "See `catalog head list`.")
    model = current_model(asking.database)
    if model is not None and chosen.model != model.id:
        name = _model_names(asking.database)[chosen.model]
        raise UsageError(
            f"head {number} was trained for the model {name}, its weights mean nothing to {model.name}",
            "Choose one of this model, or `catalog train` another.",
        )
    database = Database(asking.config.database, write=True)
    try:
        with database.transaction():
            activate_head(database, number)
        if not service_running(asking.config.state):
            click.echo(f"{score_remaining(database):,} scored", err=True)
    finally:
        database.close()
