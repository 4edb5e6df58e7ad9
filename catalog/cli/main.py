"""The `catalog` command: the one list of commands. Each is imported only when it is called, to start fast."""

from importlib import import_module

import click

from catalog import entry_point as edge

COMMANDS = {
    "accept": "Say that changed bytes are right as they are.",
    "apart": "Say that files are no duplicates of one another.",
    "backup": "Back up the catalog itself.",
    "candidates": "What you would likely delete, with the reasons.",
    "check": "Compare catalog, disk and index.",
    "completion": "Print the shell's completion script.",
    "damage": "What has rotted, and where it is still whole.",
    "doctor": "Diagnose: model, speed, watches, mounts, disk.",
    "dups": "Exact and near duplicates, and which copy to keep.",
    "export": "Vectors, and which files each of them comes from.",
    "head": "What was learned so far, and going back.",
    "init": "Write the configuration and mark the roots.",
    "label": "Say what to keep and what to delete.",
    "ls": "List files by state, reason, format, folder.",
    "model": "Bundles: list, look at, prove, choose, drop.",
    "next": "Which labels would teach most.",
    "recover": "Put a good catalog in the place of a damaged one.",
    "rejected": "The quarantine list: what cannot be read, and why.",
    "report": "Last night in one page: what needs you, what is new.",
    "restore": "Bring back what was moved to the trash.",
    "scrub": "Read every byte again, oldest reading first.",
    "search": "Pictures by what is said of them.",
    "service": "Install or remove the systemd units.",
    "show": "Everything known of one file.",
    "similar": "The images most like one image.",
    "status": "What is known, what is missing, what runs.",
    "train": "Learn from your labels what you would delete.",
    "trash": "Move files to the trash; list and empty it.",
}


class LazyGroup(click.Group):
    """Knows its commands by name and one line; reads a command's module when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order of the help."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, imported now."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"catalog.cli.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list without importing anything."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "config_file", metavar="FILE", help="The configuration (else $CATALOG_CONFIG, XDG, /etc).")
@click.version_option(package_name="catalogd", prog_name="catalog")
@click.pass_context
def cli(ctx: click.Context, config_file: str | None) -> None:
    """Ask the catalog of an image collection. The service that keeps it is `catalogd`."""
    ctx.obj = config_file


def main() -> None:
    """Console script."""
    edge.run_command(cli, "catalog")


if __name__ == "__main__":
    main()
