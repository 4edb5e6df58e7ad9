"""`catalog train`: learn from the labels."""

from contextlib import closing
from functools import partial
from typing import Any

import click

from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.client.process import service_running
from catalog.client.text_vectors import TextEmbedder
from catalog.context import CatalogContext
from catalog.embedding.selection import serving_bundle
from catalog.heads.scoring import score_remaining
from catalog.heads.training import TrainingResult, TrainingSet, train_head
from catalog.store.database import Database
from models.learn.dataset import AugmentedViews

METRICS = ("auc", "average_precision", "precision_at_10", "precision_at_100", "precision_at_1000")


@click.command("train")
@click.option("--force", is_flag=True, help="Use the new head even if it is not better than the one before.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of the folds and the intervals.")
@click.option(
    "--views",
    type=click.IntRange(0, 16),
    default=0,
    show_default=True,
    help="Learn also from so many changed views of each picture: mirrored, cut, compressed. Reads the files again.",
)
@json_option
@with_catalog
def command(context: CatalogContext, force: bool, seed: int, views: int, as_json: bool) -> None:
    """Learn to tell what you would delete. The figures are of pictures whose likes it had not seen."""
    config = context.config
    bundle = serving_bundle(config, context.database)
    with closing(Database(config.database, write=True)) as database:
        result = train_head(
            database,
            bundle,
            TextEmbedder(config, bundle).say,
            augment=partial(_embed_views, context, views, seed) if views else None,
            seed=seed,
            force=force,
            on_progress=_print_name_count,
        )
        # A running service scores by itself.
        scored = score_remaining(database) if result.used and not service_running(config.state) else 0
    if as_json:
        echo_json({"head": result.head, "used": result.used, "why": result.reason, "scored": scored, **result.record})
    else:
        _print(result)


def _embed_views(context: CatalogContext, count: int, seed: int, training_set: TrainingSet) -> AugmentedViews:
    # Imports the decoders and the model, which a training without views does not need.
    from catalog.embedding.embedder import FileEmbedder
    from catalog.heads.augmentation import embed_augmented_views

    return embed_augmented_views(context.database, FileEmbedder(context), training_set, count, seed)


def _print_name_count(count: int) -> None:
    click.echo(f"{count:,} file names are embedded first, once", err=True)


def _print(result: TrainingResult) -> None:
    from catalog.console import print_table

    record = result.record
    click.echo(f"{record['labels']:,} labels, {record['deleted']:,} of them delete, in {record['groups']:,} groups")
    if record["views"]:
        click.echo(f"{record['views']:,} changed views of them were learned from, too")
    if record["named"]:
        click.echo("what the model understands of the files' names was learned from, too")
    rows = [
        (
            name.replace("_", " "),
            _format_interval(record["figures"][name]),
            _format_interval(record["no_pixels"][name]),
            _format_chance_level(record, name),
        )
        for name in METRICS
        if record["figures"][name][0] is not None
    ]
    rows.append(("calibration error", _format_interval(record["figures"]["calibration_error"]), "", ""))
    if record["figures"]["within_bursts"] is not None:
        rows.append(("within bursts", f"{record['figures']['within_bursts']:.3f}", "", "0.500"))
    if record["newest"] is not None:
        rows.append(("auc of the newest", _format_interval(record["newest"]["auc"]), "", "0.500"))
    print_table(("held out", "head (95 %)", "without pixels", "chance"), rows)
    if record["kind"] == "net":
        click.echo("a small network: it tells more of what it had not seen than one weight a feature")
    wrong = record["noise"]
    if any(wrong):
        click.echo(f"labels that look wrong: {wrong[0]:.1%} of the keeps, {wrong[1]:.1%} of the deletes")
    click.echo(f"head {result.head} is {'in use' if result.used else 'kept, not used'}: {result.reason}", err=True)


def _format_interval(figure: list[Any]) -> str:
    value, low, high = figure
    return "-" if value is None else f"{value:.3f} ({low:.3f} … {high:.3f})"


def _format_chance_level(record: dict[str, Any], name: str) -> str:
    return f"{record['chance'].get(name, record['chance']['average_precision']):.3f}"
