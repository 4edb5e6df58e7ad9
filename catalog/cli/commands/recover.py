"""`catalog recover`: a good catalog in the place of a damaged one."""

import os
import time
from pathlib import Path

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

NEXT_COMMAND = "catalogd --once"


@click.command("recover")
@click.option("--from", "source", type=click.Path(path_type=Path), metavar="FILE", help="Put this backup in place.")
@click.option("--rebuild", is_flag=True, help="Begin anew, with your choices; everything is read again.")
@json_option
@config_option
@click.pass_context
def command(ctx: click.Context, source: Path | None, rebuild: bool, as_json: bool, config_file: str | None) -> None:
    """Put the newest good backup in the place of a damaged catalog, or FILE, or where there is none, a new catalog.
    Your choices come back from the journal. The damaged file is kept aside, and no picture is touched.
    """
    config = load_config(named_config_file(ctx, config_file))
    with service_lock(config.state) as owned:
        if not owned:
            raise StoreError(f"a service works on {config.state}", "Stop it first: `systemctl stop catalogd`.")
        words = database_problems(config.database, thorough=True) if file_size(config.database) else ["it is missing"]
        if words == [NEWER_VERSION]:
            raise StoreError(f"the catalog {config.database} is sound, and of a newer version", "Upgrade catalogd.")
        if not words and source is None and not rebuild:
            _print_sound(as_json)
            return
        done = recover_catalog(config, source, rebuild=rebuild, now=time.time())
    if as_json:
        echo_json(_record(done))
    else:
        _print(done)


def _print_sound(as_json: bool) -> None:
    if as_json:
        echo_json({"sound": True})
    click.echo("the catalog is sound: nothing was done. To go back on purpose, name a backup with --from", err=True)


def _record(done: RecoveryResult) -> dict[str, object]:
    return {
        "sound": False,
        "source": None if done.source is None else os.fspath(done.source),
        "until": None if done.until is None else format_timestamp(done.until),
        "labels": done.labels,
        "salvaged": done.salvaged,
        "aside": None if done.aside is None else os.fspath(done.aside),
        "passed": [{"path": os.fspath(one.path), "why": one.why} for one in done.passed],
        "next": NEXT_COMMAND,
    }


def _print(done: RecoveryResult) -> None:
    for one in done.passed:
        click.echo(f"passed over: {printable_path(os.fsencode(one.path))}: {one.why}", err=True)
    if done.source is None or done.until is None:
        click.echo("built anew: every file will be read again; histories begin again", err=True)
    else:
        click.echo(f"put in place: {printable_path(os.fsencode(done.source))}", err=True)
        click.echo(f"lost: what happened since {format_timestamp(done.until)}, but for choices", err=True)
    click.echo(f"choices: {done.labels}, of which {done.salvaged} from the damaged file", err=True)
    if done.aside is not None:
        click.echo(f"kept aside: {done.aside} (delete it when all is well)", err=True)
    click.echo(f"next: `{NEXT_COMMAND}`, or start the service: it finds what changed since", err=True)
