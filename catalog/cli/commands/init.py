"""`catalog init`: write the configuration, mark the roots."""

import os
import time
from pathlib import Path

import click

from catalog.cli.options import config_option, named_config_file
from catalog.cli.params import BytesPath
from catalog.config.edit import write_config
from catalog.config.load import Config, check_roots, config_paths, default_state_directory, load_config
from catalog.errors import ResourceError, UsageError
from catalog.files.mass_deletion import accept_loss
from catalog.filesystem.mounts import mounts_below, read_mounts
from catalog.filesystem.volume_identity import observe_volume, write_marker
from catalog.formatting import printable_path
from catalog.state_dir import DATABASE
from catalog.store.database import Database
from catalog.store.volumes import adopt_volume


@click.command("init")
@click.argument("roots", type=BytesPath(), nargs=-1, required=True, metavar="ROOT...")
@click.option("--state", type=click.Path(path_type=Path), help="Where the catalog lies (a local disk).")
@config_option
@click.pass_context
def command(ctx: click.Context, roots: tuple[bytes, ...], state: Path | None, config_file: str | None) -> None:
    """Write the configuration and mark each ROOT, so that an unmounted or swapped disk is never taken for an empty
    one. Run it again to add a root, or to accept what stands at a root or at a mount inside it now, or
    that files are missing of one that is held.
    """
    place = config_paths(named_config_file(ctx, config_file))[0]
    where = _state_folder(state, None)
    old = load_config(str(place), {"state": os.fspath(where), "roots": []}) if place.exists() else None
    mounts = read_mounts()
    inside = {mount.path for root in (old.roots if old else ()) for mount in mounts_below(root, mounts)}
    for root in roots:
        if not os.path.isdir(root):
            raise ResourceError(f"{printable_path(root)} is not a directory", "Mount its disk, or mend the path.")
    fresh = tuple(dict.fromkeys(root for root in roots if root not in inside))
    every = tuple(dict.fromkeys((*(old.roots if old else ()), *fresh)))
    check_roots(every)
    where = _state_folder(state, old)
    _make_state_folder(where)
    for root in fresh:
        write_marker(root)
    write_config(place, where, every)
    _adopt_volumes(where / DATABASE, fresh, tuple(root for root in roots if root in inside))
    click.echo(f"configuration: {place}\ncatalog: {where}", err=True)
    for root in every:
        click.echo(f"root: {printable_path(root)}", err=True)
    click.echo("next: `catalogd --once` for one pass, or `catalog service install` for the service", err=True)


def _state_folder(wanted: Path | None, old: Config | None) -> Path:
    if wanted is None:
        return old.state if old else default_state_directory()
    state = Path(os.path.abspath(wanted))
    if old is not None and old.state != state:
        raise UsageError(
            f"{old.path} already names the catalog {old.state}",
            "Leave out --state, or name another configuration with --config FILE.",
        )
    return state


def _make_state_folder(state: Path) -> None:
    try:
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise ResourceError(
            f"cannot make {state}: {os.strerror(error.errno or 0).lower()}", "Name another --state."
        ) from error


def _adopt_volumes(path: Path, roots: tuple[bytes, ...], mounted: tuple[bytes, ...]) -> None:
    """What the owner names is right by definition."""
    database = Database(path, write=True)
    mounts = read_mounts()
    with database.transaction():
        for kind, paths in (("root", roots), ("mount", mounted)):
            for place in paths:
                adopt_volume(database, place, kind, observe_volume(place, mounts), time.time())
                given_up = accept_loss(database, place, time.time())
                if given_up:
                    click.echo(
                        f"accepted: the next scan declares {given_up:,} files of {printable_path(place)} gone", err=True
                    )
    database.close()
