"""`catalog service`: install or remove the systemd units."""

import os
import sys
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
    system_units,
    user_units,
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
@click.option("--print", "only_print", is_flag=True, help="Print the units, change nothing.")
@config_option
@click.pass_context
def install(ctx: click.Context, personal: bool, run_as: str | None, only_print: bool, config_file: str | None) -> None:
    """Write the units for this configuration, enable and start them. Harmless to repeat."""
    config = load_config(named_config_file(ctx, config_file))
    if personal and run_as:
        raise UsageError("--user and --run-as exclude each other", "Your own services run as you: leave out --run-as.")
    manager = ServiceManager(personal)
    site = UnitSettings(
        service_program(), config.path.absolute(), config.state, sends=bool(config.report.command.strip())
    )
    if personal:
        units = user_units(site)
    else:
        runner = service_account(config.roots[0], run_as)
        units = system_units(replace(site, user=runner.user, group=runner.group))
    if only_print:
        click.echo("\n".join(f"# {manager.folder / name}\n{text}" for name, text in units.items()), nl=False)
        return
    if not personal:
        _require_runnable(runner, site, config)
    _start(manager, {name: manager.write(name, text) for name, text in units.items()})


@command.command("uninstall")
@personal_option
def uninstall(personal: bool) -> None:
    """Stop the service and the timers and remove their units. The catalog and the configuration stay."""
    manager = ServiceManager(personal)
    there = [name for name in UNITS if (manager.folder / name).exists()]
    if not there:
        click.echo(f"nothing to remove: there is no {manager.folder / SERVICE_UNIT}", err=True)
        return
    _require_root(personal)
    for name in there:
        if manager.runs:
            manager.ask(*(("stop",) if name in (SCRUB_UNIT, REPORT_UNIT) else ("disable", "--now")), name)
        (manager.folder / name).unlink()
    if manager.runs:
        manager.ask("daemon-reload")
    for name in there:
        click.echo(f"removed: {manager.folder / name}", err=True)
    click.echo("The catalog and the configuration are untouched.", err=True)


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


def _start(manager: ServiceManager, changed: dict[str, bool]) -> None:
    for name, fresh in changed.items():
        click.echo(f"unit: {manager.folder / name}" + ("" if fresh else " (as it was)"), err=True)
    steps = (
        ("daemon-reload",),
        ("enable", SERVICE_UNIT, *TIMERS),
        ("restart" if changed[SERVICE_UNIT] else "start", SERVICE_UNIT),
        *(("restart" if changed[name] else "start", name) for name in TIMERS),
    )
    if manager.runs:
        for step in steps:
            manager.ask(*step)
        click.echo(f"The service runs: `{manager.line('status', SERVICE_UNIT)}`, `catalog status`.", err=True)
    else:
        click.echo("systemd does not run here. Where it does, type:", err=True)
        for step in steps:
            click.echo(f"  {manager.line(*step)}", err=True)
    if manager.personal:
        click.echo("It ends when you log out, unless you type once: `loginctl enable-linger`.", err=True)
