"""The `catalogd` command: the service, or one full pass."""

import sys

import click

from catalog import entry_point as edge
from catalog.cli.params import Size
from catalog.errors import UsageError


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--once", is_flag=True, help="One full pass: scan, embed everything, catch up, exit.")
@click.option("--scrub", is_flag=True, help="Read known files again, oldest reading first, judge what differs, exit.")
@click.option(
    "--budget", type=Size(), metavar="SIZE", help="With --scrub: how much to read (else what tonight leaves)."
)
@click.option("--config", "config_file", metavar="FILE", help="The configuration (else $CATALOG_CONFIG, XDG, /etc).")
@click.option("--verbose", is_flag=True, help="Log more.")
@click.version_option(package_name="catalogd", prog_name="catalogd")
def catalogd(once: bool, scrub: bool, budget: int | None, config_file: str | None, verbose: bool) -> int:
    """Guard the image collection that the configuration names. Stops on SIGTERM; SIGHUP: read it again, scan now."""
    if (once and scrub) or (budget is not None and not scrub):
        raise UsageError("these options do not go together", "Use --once, or --scrub with or without --budget SIZE.")
    from daemon.intake.forkserver import start_forkserver

    start_forkserver()
    _import_structlog_without_rich()
    from daemon.messages import ScrubBudget
    from daemon.supervisor import run_service

    return run_service(config_file, once=once or scrub, verbose=verbose, scrub=ScrubBudget(budget) if scrub else None)


def _import_structlog_without_rich() -> None:
    """Without rich: structlog would load it, a fifth of our start, for tracebacks that are plain with us."""
    if "rich" not in sys.modules:
        sys.modules["rich"] = None  # type: ignore[assignment]
        import structlog  # noqa: F401

        del sys.modules["rich"]


def main() -> None:
    """Console script."""
    edge.run_command(catalogd)


if __name__ == "__main__":
    main()
