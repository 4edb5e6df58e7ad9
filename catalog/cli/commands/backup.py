"""`catalog backup`: a proved copy of the catalog, made while the service runs."""

import os
import time
from pathlib import Path

import click

from catalog.backup.create import Backup, back_up, backups, export
from catalog.cli.options import asks, json_option, put_lines
from catalog.config.load import Config
from catalog.context import Asking
from catalog.errors import UsageFault
from catalog.filesystem.atomic_write import size_of
from catalog.filesystem.paths import inside
from catalog.formatting import show
from catalog.journal import iso
from catalog.store.database import prove


@click.command("backup")
@click.option("--to", "target", type=click.Path(path_type=Path), metavar="FILE", help="Write it there instead.")
@click.option("--list", "listing", is_flag=True, help="List the backups that there are, the newest first.")
@json_option
@asks
def command(asking: Asking, target: Path | None, listing: bool, as_json: bool) -> None:
    """Back up the catalog into the state directory, beside the nightly backups, or to FILE. The service may run."""
    config = asking.config
    if listing:
        _tell(backups(config.state), as_json)
        return
    if target is None:
        _tell([back_up(asking.database, config.state, config.backup, time.time())], as_json)
        return
    target = Path(os.path.abspath(target))
    _may_be_written(config, target)
    export(asking.database, target)
    _tell([Backup(target, time.time(), target.stat().st_size)], as_json)


def _tell(found: list[Backup], as_json: bool) -> None:
    if as_json:
        put_lines(_record(backup) for backup in found)
        return
    for backup in found:
        click.echo(f"{iso(backup.at)}\t{backup.bytes}\t{show(os.fsencode(backup.path))}")


def _record(backup: Backup) -> dict[str, object]:
    return {"at": iso(backup.at), "path": os.fspath(backup.path), "bytes": backup.bytes}


def _may_be_written(config: Config, target: Path) -> None:
    """Nothing is written into a collection, and nothing but an older backup is written over."""
    place = os.fsencode(os.path.realpath(target))
    if any(inside(place, root) for root in map(os.path.realpath, config.roots)):
        raise UsageFault(f"{target} lies in a root", "Name a place outside the collection.")
    if place == os.fsencode(os.path.realpath(config.database)):
        raise UsageFault(f"{target} is the catalog itself", "Name another file.")
    if size_of(target) and prove(target):
        raise UsageFault(f"{target} is there and is no backup", "Name another file, or move that one away.")
