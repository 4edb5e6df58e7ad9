"""The `catalog` command: its list of commands. Each is imported only when it is called, for a fast start."""

from importlib import import_module

import click

from catalog.entry_point import run_command

COMMANDS = {
    "accept": "Accept the current bytes of files listed as damaged.",
    "apart": "Mark files as not duplicates of each other.",
    "backup": "Back up the catalog itself.",
    "candidates": "List images you would likely delete, with reasons.",
    "check": "Check that catalog, disk and index agree.",
    "completion": "Print the shell completion script.",
    "damage": "List files with bit rot, and where intact copies are.",
    "doctor": "Diagnose mounts, watches, disk, model and speed.",
    "dups": "List exact and near duplicates, and which copy to keep.",
    "export": "Export vectors and the files they belong to.",
    "head": "List trained heads, or switch to an earlier one.",
    "init": "Write the configuration and mark the roots.",
    "label": "Label images as keep or delete.",
    "ls": "List files by state, reason, format or folder.",
    "model": "List, inspect, check, choose and drop models.",
    "next": "Suggest which images to label next.",
    "recover": "Replace a damaged catalog with a good backup.",
    "rejected": "List files that cannot be read as images, and why.",
    "report": "Show what needs attention and what is new.",
    "restore": "Restore files from the trash.",
    "root": "List, add, rename and forget roots.",
    "scrub": "Re-read files, oldest reading first, to detect bit rot.",
    "search": "Search images by text.",
    "service": "Install or remove the systemd units.",
    "show": "Show everything known about a file.",
    "similar": "Find the images most similar to a given one.",
    "status": "Show the state of the collection and the service.",
    "train": "Train the keep/delete head on your labels.",
    "trash": "Move files to the trash; list and empty it.",
}

# The README's table of commands has the same groups in the same order.
COMMAND_GROUPS: dict[str, tuple[str, ...]] = {
    "Set up": ("init", "root", "service", "doctor", "model", "completion"),
    "Find images": ("search", "similar", "ls", "show", "export"),
    "Decide what to keep": ("label", "next", "train", "head", "candidates", "dups", "apart"),
    "Delete and restore": ("trash", "restore"),
    "Verify the collection": ("status", "report", "scrub", "damage", "accept", "rejected"),
    "Keep the catalog safe": ("check", "backup", "recover"),
}


class LazyGroup(click.Group):
    """A group that knows each command's name and summary, and imports its module on first use."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in alphabetical order."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return the command of this name; None if there is none."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(f"catalog.cli.commands.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one section per group, with the summaries in one column, without importing any command."""
        width = max(map(len, COMMANDS))
        for title, names in COMMAND_GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name.ljust(width), COMMANDS[name]) for name in names])


@click.command(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", "config_file", metavar="FILE", help="Configuration file (else $CATALOG_CONFIG, XDG, /etc).")
@click.version_option(package_name="catalogd", prog_name="catalog")
@click.pass_context
def cli(ctx: click.Context, config_file: str | None) -> None:
    """Query and manage the catalog of an image collection.

    The service `catalogd` keeps the catalog up to date. `catalog COMMAND --help` explains a command.

    \b
    Examples:
      catalog init ~/Pictures
      catalog status
      catalog search "a shrine under a full moon"
    """
    ctx.obj = config_file


def main() -> None:
    """Run the console script."""
    run_command(cli, "catalog")


if __name__ == "__main__":
    main()
