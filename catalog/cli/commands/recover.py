"""`catalog recover`: replace a damaged catalog."""

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click

from catalog.backup.recovery import RecoveryResult, recover_catalog
from catalog.cli.options import config_option, echo_json, json_option, named_config_file
from catalog.client.process import service_lock
from catalog.config.load import load_config
from catalog.errors import StoreError
from catalog.filesystem.atomic_write import file_size
from catalog.formatting import printable_path
from catalog.journal import format_timestamp
from catalog.store.database import database_problems
from catalog.store.migrations import NEWER_VERSION

if TYPE_CHECKING:
    from catalog.json_types.backup import RecoveryJson

NEXT_COMMAND = "catalogd --once"


@click.command("recover")
@click.option("--from", "source", type=click.Path(path_type=Path), metavar="FILE", help="Use this backup.")
@click.option("--rebuild", is_flag=True, help="Create a new catalog with your labels; all files are read again.")
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, source: Path | None, rebuild: bool, as_json: bool, config_file: str | None) -> None:
    """Replace a damaged catalog with the newest good backup, with FILE, or, if there is no backup, with a new catalog.

    Labels are restored from the journal. The damaged file is kept, and no image is touched. A sound catalog is left
    alone unless you use --from or --rebuild.

    \b
    Examples:
      catalog recover
      catalog recover --from /mnt/usb/catalog.db
    """
    config = load_config(named_config_file(ctx, config_file))
    with service_lock(config.state) as owned:
        if not owned:
            raise StoreError(f"a service is using {config.state}", "Stop it first: `systemctl stop catalogd`.")
        exists = bool(file_size(config.database))
        problems = database_problems(config.database, thorough=True) if exists else ["it is missing"]
        if problems == [NEWER_VERSION]:
            raise StoreError(f"the catalog {config.database} is sound, but of a newer version", "Upgrade catalogd.")
        if not problems and source is None and not rebuild:
            _print_sound(as_json)
            return
        result = recover_catalog(config, source, rebuild=rebuild, now=time.time())
    if as_json:
        echo_json(_record(result))
    else:
        _print(result)


def _print_sound(as_json: bool) -> None:
    if as_json:
        record: RecoveryJson = {"sound": True}
        echo_json(record)
    click.echo("the catalog is sound; nothing was done. To go back to a backup, name it with --from FILE", err=True)


def _record(result: RecoveryResult) -> "RecoveryJson":
    return {
        "sound": False,
        "source": None if result.source is None else os.fspath(result.source),
        "until": None if result.source_time is None else format_timestamp(result.source_time),
        "labels": result.labels,
        "salvaged": result.salvaged,
        "aside": None if result.damaged_file is None else os.fspath(result.damaged_file),
        "passed": [{"path": os.fspath(path), "why": reason} for path, reason in result.skipped],
        "next": NEXT_COMMAND,
    }


def _print(result: RecoveryResult) -> None:
    for path, reason in result.skipped:
        click.echo(f"skipped: {printable_path(os.fsencode(path))}: {reason}", err=True)
    if result.source is None or result.source_time is None:
        click.echo("created a new catalog: all files will be read again; their history starts over", err=True)
    else:
        click.echo(f"restored: {printable_path(os.fsencode(result.source))}", err=True)
        click.echo(f"lost: everything recorded after {format_timestamp(result.source_time)}, except labels", err=True)
    click.echo(f"labels: {result.labels}, {result.salvaged} of them from the damaged file", err=True)
    if result.damaged_file is not None:
        click.echo(f"damaged file kept: {result.damaged_file} (delete it when all is well)", err=True)
    click.echo(f"next: `{NEXT_COMMAND}`, or start the service, to record what changed since", err=True)
