"""`catalog dups`: exact and near duplicates."""

from collections.abc import Iterator

import click

from catalog.cli.options import asks, json_option, put
from catalog.context import Asking
from catalog.duplicates.groups import Group, exact, near
from catalog.embedding.selection import serving_bundle
from catalog.errors import StoreFault
from catalog.formatting import show, text
from catalog.store.models import current

NOTHING_STAYS = ", and nothing stays: all of them lie in recycle bins, version stores or snapshots"


@click.command("dups")
@click.option("--near", "also_near", is_flag=True, help="Also near duplicates: resized, recompressed, cropped.")
@click.option("--threshold", type=click.FloatRange(0, 1), help="Cosine for --near (else the model's own).")
@json_option
@asks
def command(asking: Asking, also_near: bool, threshold: float | None, as_json: bool) -> None:
    """Groups of files with the same bytes, and with --near of pictures that look the same; which one to keep.

    That is never a file in a recycle bin, a version store or a snapshot, where another of the group lies elsewhere.
    """
    count = freed = 0
    for group in _groups(asking, also_near, threshold):
        count, freed = count + 1, freed + group.bytes_freed
        if as_json:
            put(_record(group))
        else:
            _print(group)
    if not as_json:
        from catalog.console import size

        click.echo(f"{count} groups; all but the kept copies hold {size(freed)}", err=True)


def _groups(asking: Asking, also_near: bool, threshold: float | None) -> Iterator[Group]:
    yield from exact(asking.database)
    if not also_near:
        return
    model = current(asking.database)
    if model is None:
        raise StoreFault("the catalog holds no vectors yet", "Run `catalogd --once` first.")
    least = serving_bundle(asking.config, asking.database).near_duplicate_cosine if threshold is None else threshold
    yield from near(asking.database, model.id, least, asking.config.state)


def _record(group: Group) -> dict[str, object]:
    return {
        "kind": group.kind,
        "paths": [text(path) for path in group.paths],
        "keep": text(group.keep),
        "stays": group.stays,
        "cosine": group.cosine,
        "bytes_freed": group.bytes_freed,
    }


def _print(group: Group) -> None:
    likeness = "" if group.cosine is None else f" (cosine {group.cosine:.3f})"
    click.echo(f"{group.kind}{likeness}{'' if group.stays else NOTHING_STAYS}")
    for path in group.paths:
        click.echo(f"  {'keep' if path == group.keep and group.stays else '    '}  {show(path)}")
