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

PRIVATE_FOLDERS = (Path("/tmp"), Path("/var/tmp"))  # a service of the whole machine has its own, empty ones
UNITS = (*TIMERS, SCRUB_UNIT, REPORT_UNIT, SERVICE_UNIT)  # the timers first: they must not start what is going away
personal_option = click.option("--user", "personal", is_flag=True, help="Your own service manager; needs no root.")


@click.group("service", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Install or remove the systemd units: the service, its nightly scrub and report."""


@command.command("install")
@personal_option
@click.option("--run-as", metavar="USER", help="Who reads the roots (else the owner of the first root).")
@click.option("--print", "only_print", is_flag=True, help="Print the files and their paths, change nothing.")
@config_option
@click.pass_context
def install(ctx: click.Context, personal: bool, run_as: str | None, only_print: bool, config_file: str | None) -> None:
    """Write the units and a drop-in with this machine's settings, enable and start them. Harmless to repeat.

    Your own drop-ins (`systemctl edit`) are kept.
    """
    config = load_config(named_config_file(ctx, config_file))
    if personal and run_as:
        raise UsageError("--user and --run-as exclude each other", "Your own services run as you: leave out --run-as.")
    manager = ServiceManager(personal)
    site = UnitSettings(
        service_program(), config.path.absolute(), config.state, sends=bool(config.report.command.strip())
    )
    if personal:
        files = user_unit_files(site)
    else:
        runner = service_account(config.roots[0], run_as)
        files = system_unit_files(replace(site, user=runner.user, group=runner.group))
    if only_print:
        click.echo("\n".join(f"# {manager.folder / name}\n{text}" for name, text in files.items()), nl=False)
        return
    if not personal:
        _require_runnable(runner, site, config)
    _start(manager, _write_files(manager, files))


@command.command("uninstall")
@personal_option
def uninstall(personal: bool) -> None:
    """Stop the service and the timers and remove their units. The catalog and the configuration stay.

    Your own drop-ins (`systemctl edit`) stay, too.
    """
    manager = ServiceManager(personal)
    installed = [path for name in UNITS for path in _installed_files(manager, name)]
    if not installed:
        click.echo(f"nothing to remove: there is no {manager.folder / SERVICE_UNIT}", err=True)
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
    click.echo("The catalog and the configuration are untouched.", err=True)


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
            "only root may change the services of the whole machine",
            f"`sudo {Path(sys.argv[0]).absolute()} …` with the same words and --config FILE, or your own: --user.",
        )


def _require_runnable(runner: ServiceAccount, site: UnitSettings, config: Config) -> None:
    """Whatever would keep the service from working as that user is an error now, not in tonight's journal."""
    _require_root(personal=False)
    for place in (config.state, *(Path(os.fsdecode(root)) for root in config.roots)):
        if any(place.is_relative_to(hidden) for hidden in PRIVATE_FOLDERS):
            raise UsageError(
                f"{place} lies where a service of the whole machine sees an empty folder",
                "Keep it elsewhere, or install your own service: --user.",
            )
    prepare_account(runner, site.program, site.config, config)
    click.echo(f"runs as: {runner.user}", err=True)


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
        click.echo(f"The service runs: `{manager.command_line('status', SERVICE_UNIT)}`, `catalog status`.", err=True)
    else:
        click.echo("systemd does not run here. Where it does, type:", err=True)
        for step in steps:
            click.echo(f"  {manager.command_line(*step)}", err=True)
    if manager.personal:
        click.echo("It ends when you log out, unless you type once: `loginctl enable-linger`.", err=True)
