"""`catalog head`: list the trained heads and choose one."""

import time
from typing import TYPE_CHECKING, cast

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.client.process import service_running
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.formatting import format_interval, format_utc
from catalog.heads.retraining import head_status, head_summary
from catalog.heads.scoring import score_remaining
from catalog.heads.stored_head import StoredHead, activate_head, all_heads
from catalog.store.database import Database
from catalog.store.models import current_model

if TYPE_CHECKING:
    from catalog.json_types.heads import HeadJson

METRICS = ("auc", "average_precision", "calibration_error")


@click.group("head")
def command() -> None:
    """List the trained heads, or switch to an earlier one.

    \b
    Examples:
      catalog head list
      catalog head use 3
    """


@command.command("list")
@json_option
@with_catalog
def list_(context: CatalogContext, as_json: bool) -> None:
    """List all heads with their held-out metrics, newest first.

    \b
    Examples:
      catalog head list
    """
    heads, names = all_heads(context.database), _model_names(context.database)
    if as_json:
        echo_json_lines(_record(head, names) for head in heads)
        return
    from catalog.console import print_table

    columns = ("head", "trained", "model", "in use", "labels", "AUC", "average precision", "calibration error")
    print_table(columns, (_row(head, names) for head in heads), right=("labels",))
    status = head_status(context.database, None)
    if status["state"] == "owed":
        click.echo(f"head {head_summary(status)}", err=True)


def _model_names(database: Database) -> dict[int, str]:
    return dict(database.rows("SELECT id, name FROM model"))


def _record(stored: StoredHead, names: dict[int, str]) -> "HeadJson":
    return cast(
        "HeadJson",
        {
            "head": stored.id,
            "made_at": format_utc(stored.made_at),
            "used": stored.used,
            "model": stored.head.model,
            "model_name": names[stored.model],
            **stored.head.record,
        },
    )


def _row(stored: StoredHead, names: dict[int, str]) -> tuple[object, ...]:
    record = stored.head.record
    trained = time.strftime("%Y-%m-%d %H:%M", time.localtime(stored.made_at))
    metrics = (format_interval(record["figures"][name]) for name in METRICS)
    return stored.id, trained, names[stored.model], "yes" if stored.used else "", f"{record['labels']:,}", *metrics


@command.command("use")
@click.argument("number", type=int, metavar="HEAD")
@with_catalog
def use_(context: CatalogContext, number: int) -> None:
    """Score all images with HEAD from now on. No image is read again.

    \b
    Examples:
      catalog head use 3
    """
    chosen = next((stored for stored in all_heads(context.database) if stored.id == number), None)
    if chosen is None:
        raise UsageError(f"there is no head {number}", "See `catalog head list`.")
    model = current_model(context.database)
    if model is not None and chosen.model != model.id:
        name = _model_names(context.database)[chosen.model]
        raise UsageError(
            f"head {number} was trained for the model {name} and cannot score vectors of {model.name}",
            "Choose a head of this model, or train one with `catalog train`.",
        )
    with Database(context.config.database, write=True) as database:
        with database.transaction():
            activate_head(database, number)
        if not service_running(context.config.state):
            click.echo(f"{score_remaining(database):,} scored", err=True)
