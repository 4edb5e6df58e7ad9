"""The `catalogd` command: run the service, one full pass, or one scrub."""

import sys

import click

from catalog import entry_point
from catalog.cli.params import Size
from catalog.errors import UsageError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--once", is_flag=True, help="Run one full pass (scan, embed, index), then exit.")
@click.option("--scrub", is_flag=True, help="Verify known files against their hashes, oldest check first, then exit.")
@click.option(
    "--budget",
    type=Size(),
    metavar="SIZE",
    help="With --scrub: how much to read (default: tonight's remaining budget).",
)
@click.option(
    "--config", "config_file", metavar="FILE", help="Configuration file (default: $CATALOG_CONFIG, XDG, /etc)."
)
@click.option("--verbose", is_flag=True, help="Log more.")
@click.version_option(package_name="catalogd", prog_name="catalogd")
def catalogd(once: bool, scrub: bool, budget: int | None, config_file: str | None, verbose: bool) -> int:
    """Guard the image collection named in the configuration.

    SIGTERM stops the service; SIGHUP makes it read its configuration again and scan now.
    """
    if (once and scrub) or (budget is not None and not scrub):
        raise UsageError(
            "these options cannot be combined", "Use --once alone, or --scrub with or without --budget SIZE."
        )
    from daemon.intake.forkserver import start_forkserver

    start_forkserver()
    _import_structlog_without_rich()
    from daemon.messages import ScrubBudget
    from daemon.supervisor import run_service

    return run_service(config_file, once=once or scrub, verbose=verbose, scrub=ScrubBudget(budget) if scrub else None)


def _import_structlog_without_rich() -> None:
    """Import structlog without rich, which takes a fifth of the start-up time. Our tracebacks do not use it."""
    if "rich" not in sys.modules:
        sys.modules["rich"] = None  # type: ignore[assignment]
        import structlog  # noqa: F401

        del sys.modules["rich"]


def main() -> None:
    """Run the command."""
    entry_point.run_command(catalogd)


if __name__ == "__main__":
    main()
