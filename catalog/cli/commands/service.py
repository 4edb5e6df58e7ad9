"""`catalog service`: install or remove the systemd units."""

import os
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import click

from catalog.cli.options import config_option, named_config_file
from catalog.client.process import service_program
from catalog.config.load import Config, load_config
from catalog.errors import ResourceError, UsageError
from catalog.installer.service_user import ServiceAccount, prepare_account, service_account
from catalog.installer.systemctl import ServiceManager
from catalog.installer.unit_files import (
    REPORT_UNIT,
    SCRUB_UNIT,
    SERVICE_UNIT,
    TIMERS,
    UnitSettings,
    drop_in_path,
    system_unit_files,
    user_unit_files,
)

PRIVATE_FOLDERS = (Path("/tmp"), Path("/var/tmp"))  # a system service has its own, empty ones (PrivateTmp)
UNITS = (*TIMERS, SCRUB_UNIT, REPORT_UNIT, SERVICE_UNIT)  # timers first: they must not start a unit being removed
user_option = click.option("--user", "personal", is_flag=True, help="Use your own service manager; needs no root.")


@click.group("service", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Install or remove the systemd units: the service, the nightly scrub and the nightly report.

    \b
    Examples:
      catalog service install --user
      catalog service uninstall --user
    """


@command.command("install")
@user_option
@click.option("--run-as", metavar="USER", help="User of the service (else the owner of the first root).")
@click.option("--print", "only_print", is_flag=True, help="Print the files and their paths; change nothing.")
@config_option
@click.pass_context
def install(ctx: click.Context, personal: bool, run_as: str | None, only_print: bool, config_file: str | None) -> None:
    """Install the units, enable and start them.

    A drop-in holds the settings of this machine; your own drop-ins (`systemctl edit`) are kept. Safe to repeat.

    \b
    Examples:
      catalog service install --user
      sudo catalog service install --run-as photos --config /etc/catalogd/config.toml
      catalog service install --print
    """
    config = load_config(named_config_file(ctx, config_file))
    if personal and run_as:
        raise UsageError("--user and --run-as exclude each other", "Omit --run-as: your own services run as you.")
    manager = ServiceManager(personal)
    settings = UnitSettings(
        service_program(), config.path.absolute(), config.state, sends=bool(config.report.command.strip())
    )
    if personal:
        files = user_unit_files(settings)
    else:
        account = service_account(config.roots[0], run_as)
        files = system_unit_files(replace(settings, user=account.user, group=account.group))
    if only_print:
        click.echo("\n".join(f"# {manager.folder / name}\n{text}" for name, text in files.items()), nl=False)
        return
    if not personal:
        _require_runnable(account, settings, config)
    _start(manager, _write_files(manager, files))


@command.command("uninstall")
@user_option
def uninstall(personal: bool) -> None:
    """Stop the service and the timers, and remove their units.

    The catalog, the configuration and your own drop-ins (`systemctl edit`) stay.

    \b
    Examples:
      catalog service uninstall --user
    """
    manager = ServiceManager(personal)
    installed = [path for name in UNITS for path in _installed_files(manager, name)]
    if not installed:
        click.echo(f"nothing to remove: {manager.folder / SERVICE_UNIT} does not exist", err=True)
        return
    _require_root(personal)
    for path in installed:
        if manager.runs and path.name in UNITS:
            manager.call(*(("stop",) if path.name in (SCRUB_UNIT, REPORT_UNIT) else ("disable", "--now")), path.name)
        path.unlink()
    folders = [(manager.folder / drop_in_path(name)).parent for name in UNITS]
    kept = [folder for folder in folders if _remains(folder)]
    if manager.runs:
        manager.call("daemon-reload")
    for path in installed:
        click.echo(f"removed: {path}", err=True)
    for folder in kept:
        click.echo(f"kept: {folder}, which contains drop-ins that are not ours", err=True)
    click.echo("The catalog and the configuration were not touched.", err=True)


def _installed_files(manager: ServiceManager, unit: str) -> list[Path]:
    paths = (manager.folder / unit, manager.folder / drop_in_path(unit))
    return [path for path in paths if path.exists()]


def _remains(folder: Path) -> bool:
    """Remove a drop-in folder if it is empty; return whether it is still there."""
    with suppress(OSError):
        folder.rmdir()
    return folder.exists()


def _require_root(personal: bool) -> None:
    if not personal and os.geteuid() != 0:
        raise ResourceError(
            "only root may change system services",
            f"Run `sudo {Path(sys.argv[0]).absolute()} …` with the same arguments and --config FILE, or use --user.",
        )


def _require_runnable(account: ServiceAccount, settings: UnitSettings, config: Config) -> None:
    """Raise CatalogError now for whatever would keep the service from running as that user later."""
    _require_root(personal=False)
    for path in (config.state, *(Path(os.fsdecode(root)) for root in config.roots)):
        if any(path.is_relative_to(hidden) for hidden in PRIVATE_FOLDERS):
            raise UsageError(
                f"{path} is in a folder that is private to each system service, so the service would find it empty",
                "Move it elsewhere, or install your own service with --user.",
            )
    prepare_account(account, settings.program, settings.config, config)
    click.echo(f"runs as: {account.user}", err=True)


def _write_files(manager: ServiceManager, files: dict[str, str]) -> set[str]:
    """Write the units and our drop-ins; return the names that changed. An edited unit is saved beside the new one."""
    changed = set()
    for name, text in files.items():
        saved = manager.save_previous(name, text) if name in UNITS else None
        if manager.write(name, text):
            changed.add(name)
        kind = "unit" if name in UNITS else "drop-in"
        click.echo(f"{kind}: {manager.folder / name}" + ("" if name in changed else " (unchanged)"), err=True)
        if saved:
            edit = manager.command_line("edit", name)
            click.echo(f"saved: {saved}, the unit it replaces; if you had edited that, use `{edit}` instead", err=True)
    return changed


def _start(manager: ServiceManager, changed: set[str]) -> None:
    steps = (
        ("daemon-reload",),
        ("enable", SERVICE_UNIT, *TIMERS),
        ("restart" if changed & {SERVICE_UNIT, drop_in_path(SERVICE_UNIT)} else "start", SERVICE_UNIT),
        *(("restart" if name in changed else "start", name) for name in TIMERS),
    )
    if manager.runs:
        for step in steps:
            manager.call(*step)
        status = manager.command_line("status", SERVICE_UNIT)
        click.echo(f"The service is running; see `{status}` and `catalog status`.", err=True)
    else:
        click.echo("systemd is not running here. To start the service where it is, run:", err=True)
        for step in steps:
            click.echo(f"  {manager.command_line(*step)}", err=True)
    if manager.personal:
        click.echo("It stops when you log out, unless you run `loginctl enable-linger` once.", err=True)
