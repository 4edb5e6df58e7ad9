"""`catalog dups`: exact and near duplicates."""

from collections.abc import Iterator

import click

from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.duplicates.groups import DuplicateGroup, exact_duplicates, near_duplicates
from catalog.embedding.selection import serving_bundle
from catalog.formatting import path_text, printable_path
from catalog.store.models import require_current_model

ALL_COPIES_TRANSIENT = ", and nothing stays: all of them lie in recycle bins, version stores or snapshots"


@click.command("dups")
@click.option("--near", "also_near", is_flag=True, help="Also near duplicates: resized, recompressed, cropped.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Cosine for --near (else the model's own).")
@json_option
@with_catalog
def command(asking: CatalogContext, also_near: bool, threshold: float | None, as_json: bool) -> None:
    """Groups of files with the same bytes, and with --near of pictures that look the same; which one to keep.

    That is never a file in a recycle bin, a version store or a snapshot, where another of the group lies elsewhere.
    """
    count = freed = 0
    for group in _groups(asking, also_near, threshold):
        count, freed = count + 1, freed + group.bytes_freed
        if as_json:
            echo_json(_record(group))
        else:
            _print(group)
    if not as_json:
        from catalog.console import format_size

        click.echo(f"{count} groups; all but the kept copies hold {format_size(freed)}", err=True)


def _groups(asking: CatalogContext, also_near: bool, threshold: float | None) -> Iterator[DuplicateGroup]:
    yield from exact_duplicates(asking.database)
    if not also_near:
        return
    model = require_current_model(asking.database)
    least = serving_bundle(asking.config, asking.database).near_duplicate_cosine if threshold is None else threshold
    yield from near_duplicates(asking.database, model.id, least, asking.config.state)


def _record(group: DuplicateGroup) -> dict[str, object]:
    return {
        "kind": group.kind,
        "paths": [path_text(path) for path in group.paths],
        "keep": path_text(group.keep),
        "stays": group.permanent,
        "cosine": group.cosine,
        "bytes_freed": group.bytes_freed,
    }


def _print(group: DuplicateGroup) -> None:
    likeness = "" if group.cosine is None else f" (cosine {group.cosine:.3f})"
    click.echo(f"{group.kind}{likeness}{'' if group.permanent else ALL_COPIES_TRANSIENT}")
    for path in group.paths:
        click.echo(f"  {'keep' if path == group.keep and group.permanent else '    '}  {printable_path(path)}")
