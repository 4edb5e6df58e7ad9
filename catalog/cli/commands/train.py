"""`catalog train`: train the keep/delete head on your labels."""

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, cast

import click

from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.client.process import service_running
from catalog.client.text_vectors import TextEmbedder
from catalog.context import CatalogContext
from catalog.embedding.selection import serving_bundle
from catalog.formatting import format_interval
from catalog.heads.scoring import score_remaining
from catalog.heads.training import TrainingResult, TrainingSet, train_head
from catalog.store.database import Database
from models.learn.dataset import AugmentedViews

if TYPE_CHECKING:
    from catalog.json_types.heads import TrainJson

METRICS = {
    "auc": "AUC",
    "average_precision": "average precision",
    "precision_at_10": "precision at 10",
    "precision_at_100": "precision at 100",
    "precision_at_1000": "precision at 1000",
}


@click.command("train")
@click.option("--force", is_flag=True, help="Use the new head even if it is not better than the current one.")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the folds and the intervals.")
@click.option(
    "--views",
    type=click.IntRange(0, 16),
    metavar="N",
    default=0,
    show_default=True,
    help="Augmented views per image to train on: mirrored, cropped, recompressed. Reads the files again.",
)
@json_option
@with_catalog
def command(context: CatalogContext, force: bool, seed: int, views: int, as_json: bool) -> None:
    """Train the keep/delete head on your labels, and use it if it is better than the current one.

    Metrics are computed on held-out images; near duplicates never span the split.

    \b
    Examples:
      catalog train
      catalog train --views 4
    """
    config = context.config
    bundle = serving_bundle(config, context.database)
    with Database(config.database, write=True) as database:
        result = train_head(
            database,
            bundle,
            TextEmbedder(config, bundle).embed,
            augment=partial(_embed_views, context, views, seed) if views else None,
            seed=seed,
            force=force,
            on_progress=_print_name_count,
        )
        # A running service scores by itself.
        scored = score_remaining(database) if result.used and not service_running(config.state) else 0
    if as_json:
        echo_json(_record(result, scored))
    else:
        _print(result)


def _embed_views(context: CatalogContext, count: int, seed: int, training_set: TrainingSet) -> AugmentedViews:
    # Imports the decoders and the model, which a training without views does not need.
    from catalog.embedding.embedder import FileEmbedder
    from catalog.heads.augmentation import embed_augmented_views

    return embed_augmented_views(context.database, FileEmbedder(context), training_set, count, seed)


def _record(result: TrainingResult, scored: int) -> "TrainJson":
    outcome = {"head": result.head, "used": result.used, "why": result.reason, "scored": scored}
    return cast("TrainJson", {**outcome, **result.record})


def _print_name_count(count: int) -> None:
    click.echo(f"embedding {count:,} file names first; this is done once", err=True)


def _print(result: TrainingResult) -> None:
    from catalog.console import print_table

    record = result.record
    click.echo(f"{record['labels']:,} labels, {record['deleted']:,} of them delete, in {record['groups']:,} groups")
    if record["views"]:
        click.echo(f"also trained on {record['views']:,} augmented views; metrics never include them")
    if record["named"]:
        click.echo("also trained on text vectors of the file names")
    print_table(("held out", "head (95 %)", "without pixels", "chance"), _metric_rows(record))
    if record["kind"] == "net":
        click.echo("classifier: a small network, which predicts held-out images better than a linear one")
    keep_noise, delete_noise = record["noise"]
    if keep_noise or delete_noise:
        click.echo(f"labels that look wrong: {keep_noise:.1%} of keep, {delete_noise:.1%} of delete")
    click.echo(
        f"head {result.head} is {'in use' if result.used else 'stored, but not in use'}: {result.reason}", err=True
    )


def _metric_rows(record: Mapping[str, Any]) -> list[tuple[str, str, str, str]]:
    figures, no_pixels = record["figures"], record["no_pixels"]
    rows = []
    for name, title in METRICS.items():
        value, *_ = figures[name]
        if value is not None:
            interval, baseline = format_interval(figures[name]), format_interval(no_pixels[name])
            chance = record["chance"].get(name, record["chance"]["average_precision"])
            rows.append((title, interval, baseline, f"{chance:.3f}"))
    rows.append(("calibration error", format_interval(figures["calibration_error"]), "", ""))
    if figures["within_bursts"] is not None:
        rows.append(("within bursts", f"{figures['within_bursts']:.3f}", "", "0.500"))
    if record["newest"] is not None:
        rows.append(("AUC on the newest", format_interval(record["newest"]["auc"]), "", "0.500"))
    return rows
