"""`catalog service`: install or remove the systemd unit."""

import os
import sys
from pathlib import Path

import click

from catalog.asking import config_option, named
from catalog.config import Config, load_config
from catalog.faults import PlaceFault, UsageFault
from catalog.program import service_program
from catalog.runner import Runner, may_run, owner_of
from catalog.systemctl import Manager
from catalog.unit import Site, personal_unit, system_unit

PRIVATE = (Path("/tmp"), Path("/var/tmp"))  # a service of the whole machine has its own, empty ones
personal_option = click.option("--user", "personal", is_flag=True, help="Your own service manager; needs no root.")


@click.group("service", context_settings={"help_option_names": ["-h", "--help"]})
def command() -> None:
    """Install or remove the systemd unit."""


@command.command("install")
@personal_option
@click.option("--run-as", metavar="USER", help="Who reads the roots (else the owner of the first root).")
@click.option("--print", "only_print", is_flag=True, help="Print the unit, change nothing.")
@config_option
@click.pass_context
def install(ctx: click.Context, personal: bool, run_as: str | None, only_print: bool, config_file: str | None) -> None:
    """Write the unit for this configuration, enable it and start it. Harmless to repeat."""
    config = load_config(named(ctx, config_file))
    if personal and run_as:
        raise UsageFault("--user and --run-as exclude each other", "Your own services run as you: leave out --run-as.")
    manager = Manager(personal)
    site = Site(service_program(), config.path.absolute(), config.state)
    if personal:
        text = personal_unit(site)
    else:
        runner = owner_of(config.roots[0], run_as)
        text = system_unit(Site(site.program, site.config, site.state, runner.user, runner.group))
    if only_print:
        click.echo(text, nl=False)
        return
    if not personal:
        _admit(runner, site, config)
    _start(manager, manager.write(text))


@command.command("uninstall")
@personal_option
def uninstall(personal: bool) -> None:
    """Stop the service and remove its unit. The catalog and the configuration stay."""
    manager = Manager(personal)
    if not manager.file.exists():
        click.echo(f"nothing to remove: there is no {manager.file}", err=True)
        return
    _need_root(personal)
    if manager.runs:
        manager.ask("disable", "--now", manager.file.name)
    manager.file.unlink()
    if manager.runs:
        manager.ask("daemon-reload")
    click.echo(f"removed: {manager.file}\nThe catalog and the configuration are untouched.", err=True)


def _need_root(personal: bool) -> None:
    if not personal and os.geteuid() != 0:
        raise PlaceFault(
            "only root may change the services of the whole machine",
            f"`sudo {Path(sys.argv[0]).absolute()} …` with the same words and --config FILE, or your own: --user.",
        )


def _admit(runner: Runner, site: Site, config: Config) -> None:
    """Whatever would keep the service from working as that user is an error now, not in tonight's journal."""
    _need_root(personal=False)
    for place in (config.state, *(Path(os.fsdecode(root)) for root in config.roots)):
        if any(place.is_relative_to(hidden) for hidden in PRIVATE):
            raise UsageFault(
                f"{place} lies where a service of the whole machine sees an empty folder",
                "Keep it elsewhere, or install your own service: --user.",
            )
    may_run(runner, site.program, site.config, config)
    click.echo(f"runs as: {runner.user}", err=True)


def _start(manager: Manager, changed: bool) -> None:
    click.echo(f"unit: {manager.file}" + ("" if changed else " (as it was)"), err=True)
    name = manager.file.name
    steps = (("daemon-reload",), ("enable", name), ("restart" if changed else "start", name))
    if manager.runs:
        for step in steps:
            manager.ask(*step)
        click.echo(f"The service runs: `{manager.line('status', name)}`, `catalog status`.", err=True)
    else:
        click.echo("systemd does not run here. Where it does, type:", err=True)
        for step in steps:
            click.echo(f"  {manager.line(*step)}", err=True)
    if manager.personal:
        click.echo("It ends when you log out, unless you type once: `loginctl enable-linger`.", err=True)
