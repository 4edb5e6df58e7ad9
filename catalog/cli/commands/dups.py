"""`catalog dups`: exact and near duplicates."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.duplicates.groups import DuplicateGroup, exact_duplicates, near_duplicates
from catalog.embedding.selection import serving_bundle
from catalog.formatting import path_text, printable_path
from catalog.store.models import require_current_model

if TYPE_CHECKING:
    from catalog.json_types.files import DuplicateGroupJson

ALL_COPIES_TRANSIENT = "; none to keep: all are in recycle bins, version stores or snapshots"


@click.command("dups")
@click.option("--near", "also_near", is_flag=True, help="Also find near duplicates: resized, recompressed, cropped.")
@click.option(
    "--threshold",
    type=click.FloatRange(0, 1),
    metavar="COSINE",
    help="Minimum cosine for --near (else the model's default).",
)
@json_option
@with_catalog
def command(context: CatalogContext, also_near: bool, threshold: float | None, as_json: bool) -> None:
    """List groups of files with the same bytes, and which one to keep; with --near also of images that look the same.

    A file in a recycle bin, a version store or a snapshot is not kept if another of the group is elsewhere. A `link` is
    a hard link of a file above it: deleting it frees nothing.

    \b
    Examples:
      catalog dups
      catalog dups --near --threshold 0.95
    """
    count = freed = 0
    for group in _groups(context, also_near, threshold):
        count, freed = count + 1, freed + group.bytes_freed
        if as_json:
            echo_json(_record(group))
        else:
            _print(group)
    if not as_json:
        from catalog.console import format_size

        plural = "" if count == 1 else "s"
        click.echo(f"{count} group{plural}; deleting all but the kept files would free {format_size(freed)}", err=True)


def _groups(context: CatalogContext, also_near: bool, threshold: float | None) -> Iterator[DuplicateGroup]:
    yield from exact_duplicates(context.database)
    if not also_near:
        return
    model = require_current_model(context.database)
    if threshold is None:
        threshold = serving_bundle(context.config, context.database).near_duplicate_cosine
    yield from near_duplicates(context.database, model.id, threshold, context.config.state)


def _record(group: DuplicateGroup) -> "DuplicateGroupJson":
    return {
        "kind": group.kind,
        "paths": [path_text(path) for path in group.paths],
        "keep": path_text(group.keep),
        "stays": group.permanent,
        "cosine": group.cosine,
        "bytes_freed": group.bytes_freed,
        "links": [path_text(path) for path in group.links],
    }


def _print(group: DuplicateGroup) -> None:
    cosine = "" if group.cosine is None else f" (cosine {group.cosine:.3f})"
    click.echo(f"{group.kind}{cosine}{'' if group.permanent else ALL_COPIES_TRANSIENT}")
    for path in group.paths:
        mark = "link" if path in group.links else "keep" if path == group.keep and group.permanent else ""
        click.echo(f"  {mark:<4}  {printable_path(path)}")
