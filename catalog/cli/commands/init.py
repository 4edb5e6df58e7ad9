"""`catalog init`: write the configuration and mark the roots."""

import os
from functools import partial
from pathlib import Path

import click

from catalog.cli.options import config_option, named_config_file
from catalog.cli.params import BytesPath
from catalog.cli.root_setup import set_up_roots
from catalog.config.load import Config, config_paths, default_state_directory, load_config
from catalog.errors import UsageError, resource_errors
from catalog.formatting import printable_path


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
    chosen = _state_directory(state, old)
    all_roots = set_up_roots(config_path, old, roots, partial(_create_state_directory, chosen))
    click.echo(f"configuration: {config_path}\ncatalog: {chosen}", err=True)
    for root in all_roots:
        click.echo(f"root: {printable_path(root)}", err=True)
    click.echo("next: `catalogd --once` for one pass, or `catalog service install` for the service", err=True)


def _create_state_directory(state: Path) -> Path:
    with resource_errors(f"cannot create {state}", "Choose another --state."):
        state.mkdir(parents=True, exist_ok=True, mode=0o700)
    return state


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
