"""`catalog backup`: a proved copy of the catalog, made while the service runs."""

import os
import time
from pathlib import Path

import click

from catalog.backup.create import Backup, create_backup, list_backups, write_backup
from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.config.load import Config
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.filesystem.atomic_write import file_size
from catalog.filesystem.paths import inside
from catalog.formatting import printable_path
from catalog.journal import format_timestamp
from catalog.store.database import database_problems


@click.command("backup")
@click.option("--to", "target", type=click.Path(path_type=Path), metavar="FILE", help="Write it there instead.")
@click.option("--list", "listing", is_flag=True, help="List the backups that there are, the newest first.")
@json_option
@with_catalog
def command(asking: CatalogContext, target: Path | None, listing: bool, as_json: bool) -> None:
    """Back up the catalog into the state directory, beside the nightly backups, or to FILE. The service may run."""
    config = asking.config
    if listing:
        _print_backups(list_backups(config.state), as_json)
        return
    if target is None:
        _print_backups([create_backup(asking.database, config.state, config.backup, time.time())], as_json)
        return
    target = Path(os.path.abspath(target))
    _require_safe_target(config, target)
    write_backup(asking.database, target)
    _print_backups([Backup(target, time.time(), target.stat().st_size)], as_json)


def _print_backups(found: list[Backup], as_json: bool) -> None:
    if as_json:
        echo_json_lines(_record(backup) for backup in found)
        return
    for backup in found:
        click.echo(f"{format_timestamp(backup.at)}\t{backup.bytes}\t{printable_path(os.fsencode(backup.path))}")


def _record(backup: Backup) -> dict[str, object]:
    return {"at": format_timestamp(backup.at), "path": os.fspath(backup.path), "bytes": backup.bytes}


def _require_safe_target(config: Config, target: Path) -> None:
    """Nothing is written into a collection, and nothing but an older backup is written over."""
    place = os.fsencode(os.path.realpath(target))
    if any(inside(place, root) for root in map(os.path.realpath, config.roots)):
        raise UsageError(f"{target} lies in a root", "Name a place outside the collection.")
    if place == os.fsencode(os.path.realpath(config.database)):
        raise UsageError(f"{target} is the catalog itself", "Name another file.")
    if file_size(target) and database_problems(target):
        raise UsageError(f"{target} is there and is no backup", "Name another file, or move that one away.")
