"""The `catalogd` command: the service, or one full pass."""

import click

from catalog import edge


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--once", is_flag=True, help="One full pass: scan, embed everything, catch up, exit.")
@click.option("--config", "config_file", metavar="FILE", help="The configuration (else $CATALOG_CONFIG, XDG, /etc).")
@click.option("--verbose", is_flag=True, help="Log more.")
@click.version_option(package_name="catalogd", prog_name="catalogd")
def catalogd(once: bool, config_file: str | None, verbose: bool) -> int:
    """Guard the image collection that the configuration names. Stops on SIGTERM; SIGHUP: read it again, scan now."""
    from daemon.nursery import start_nursery

    start_nursery()
    from daemon.run import run

    return run(config_file, once=once, verbose=verbose)


def main() -> None:
    """Console script."""
    edge.run(catalogd)


if __name__ == "__main__":
    main()
