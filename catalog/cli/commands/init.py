"""`catalog init`: write the configuration and mark the roots."""

import os
import time
from pathlib import Path

import click

from catalog.cli.options import config_option, named_config_file
from catalog.cli.params import BytesPath
from catalog.config.edit import write_config
from catalog.config.load import Config, check_roots, config_paths, default_state_directory, load_config
from catalog.errors import ResourceError, UsageError, resource_errors
from catalog.files.mass_deletion import accept_loss
from catalog.filesystem.mounts import mounts_below, read_mounts
from catalog.filesystem.volume_identity import observe_volume, write_marker
from catalog.formatting import printable_path
from catalog.state_dir import DATABASE
from catalog.store.database import Database
from catalog.store.volumes import adopt_volume


@click.command("init")
@click.argument("roots", type=BytesPath(), nargs=-1, required=True, metavar="ROOT...")
@click.option("--state", type=click.Path(path_type=Path), help="Directory for the catalog, on a local disk.")
@config_option
@click.pass_context
def command(ctx: click.Context, roots: tuple[bytes, ...], state: Path | None, config_file: str | None) -> None:
    """Write the configuration and put a marker file into each ROOT.

    The marker keeps an unmounted or swapped disk from being mistaken for an empty one. Run the command again to add a
    root, to accept another disk at a root or mount, or to confirm that missing files of a held root are gone.

    \b
    Examples:
      catalog init ~/Pictures
      catalog init --state /var/lib/catalogd /srv/photos /srv/scans
    """
    config_path = config_paths(named_config_file(ctx, config_file))[0]
    defaults = {"state": os.fspath(_state_directory(state, None)), "roots": []}
    old = load_config(str(config_path), defaults) if config_path.exists() else None
    mounts = read_mounts()
    known_mounts = {mount.path for root in (old.roots if old else ()) for mount in mounts_below(root, mounts)}
    for root in roots:
        if not os.path.isdir(root):
            raise ResourceError(f"{printable_path(root)} is not a directory", "Mount its disk, or check the path.")
    named_roots = tuple(dict.fromkeys(root for root in roots if root not in known_mounts))
    all_roots = tuple(dict.fromkeys((*(old.roots if old else ()), *named_roots)))
    check_roots(all_roots)
    state = _state_directory(state, old)
    with resource_errors(f"cannot create {state}", "Choose another --state."):
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    for root in named_roots:
        write_marker(root)
    write_config(config_path, state, all_roots)
    _adopt_volumes(state / DATABASE, named_roots, tuple(root for root in roots if root in known_mounts))
    click.echo(f"configuration: {config_path}\ncatalog: {state}", err=True)
    for root in all_roots:
        click.echo(f"root: {printable_path(root)}", err=True)
    click.echo("next: `catalogd --once` for one pass, or `catalog service install` for the service", err=True)


def _state_directory(given: Path | None, old: Config | None) -> Path:
    if given is None:
        return old.state if old else default_state_directory()
    state = Path(os.path.abspath(given))
    if old is not None and old.state != state:
        raise UsageError(
            f"{old.path} already names the state directory {old.state}",
            "Omit --state, or use another configuration with --config FILE.",
        )
    return state


def _adopt_volumes(database_path: Path, roots: tuple[bytes, ...], mounts: tuple[bytes, ...]) -> None:
    """Take what is at these paths now as the right disks, and accept the loss of missing files of held ones."""
    all_mounts = read_mounts()
    with Database(database_path, write=True) as database, database.transaction():
        for kind, paths in (("root", roots), ("mount", mounts)):
            for path in paths:
                adopt_volume(database, path, kind, observe_volume(path, all_mounts), time.time())
                lost = accept_loss(database, path, time.time())
                if lost:
                    line = f"accepted: the next scan marks {lost:,} missing files of {printable_path(path)} as gone"
                    click.echo(line, err=True)
