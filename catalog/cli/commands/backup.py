"""`catalog backup`: a verified copy of the catalog, made while the service runs."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

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

if TYPE_CHECKING:
    from catalog.json_types.backup import BackupJson


@click.command("backup")
@click.option("--to", "target", type=click.Path(path_type=Path), metavar="FILE", help="Write the backup to FILE.")
@click.option("--list", "listing", is_flag=True, help="List the existing backups, newest first.")
@json_option
@with_catalog
def command(context: CatalogContext, target: Path | None, listing: bool, as_json: bool) -> None:
    """Back up the catalog to the state directory, next to the nightly backups, or to FILE.

    The service may be running. Images are not part of the backup.

    \b
    Examples:
      catalog backup
      catalog backup --to /mnt/usb/catalog.db
      catalog backup --list
    """
    config = context.config
    if listing:
        _print_backups(list_backups(config.state), as_json)
        return
    if target is None:
        _print_backups([create_backup(context.database, config.state, config.backup, time.time())], as_json)
        return
    target = Path(os.path.abspath(target))
    _require_safe_target(config, target)
    write_backup(context.database, target)
    _print_backups([Backup(target, time.time(), target.stat().st_size)], as_json)


def _print_backups(backups: list[Backup], as_json: bool) -> None:
    if as_json:
        echo_json_lines(map(_record, backups))
        return
    for backup in backups:
        click.echo(f"{format_timestamp(backup.at)}\t{backup.bytes}\t{printable_path(os.fsencode(backup.path))}")


def _record(backup: Backup) -> "BackupJson":
    return {"at": format_timestamp(backup.at), "path": os.fspath(backup.path), "bytes": backup.bytes}


def _require_safe_target(config: Config, target: Path) -> None:
    """Raise UsageError for a target inside the collection, and for an existing file that is not a backup."""
    real_path = os.fsencode(os.path.realpath(target))
    if any(inside(real_path, root) for root in map(os.path.realpath, config.roots)):
        raise UsageError(f"{target} is inside a root", "Choose a path outside the collection.")
    if real_path == os.fsencode(os.path.realpath(config.database)):
        raise UsageError(f"{target} is the catalog itself", "Choose another file.")
    if file_size(target) and database_problems(target):
        raise UsageError(f"{target} exists and is not a backup", "Choose another file, or move that one away.")
