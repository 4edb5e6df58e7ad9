"""`catalog scrub`: read known files again, the oldest reading first, and prove their bytes."""

import signal
import time
from dataclasses import asdict
from typing import Any

import click

from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.cli.params import Size
from catalog.client.process import service_running
from catalog.context import CatalogContext
from catalog.entry_point import EXIT_INTERRUPTED
from catalog.errors import ResourceError
from catalog.filesystem.paths import at_or_inside
from catalog.formatting import path_text, printable_path
from catalog.integrity.bit_rot import HashMismatch, hash_mismatches
from catalog.integrity.coverage import verification_coverage
from catalog.integrity.scrub_runs import ScrubRun
from catalog.store.volumes import all_volumes

EXIT_FINDINGS = 1


@click.command("scrub")
@click.option(
    "--budget", type=Size(), metavar="SIZE", help="Read so much, like 50GB (else what tonight's budget leaves)."
)
@json_option
@with_catalog
def command(asking: CatalogContext, budget: int | None, as_json: bool) -> int:
    """Read known files again, oldest reading first, and compare them with their hashes.

    The service does it, or one that is started for it. Ctrl-C ends the scrub; what was verified stays verified.
    Exit code 1 if bytes have changed by themselves, or could not be read.
    """
    run, stopped = _scrub(asking, budget)
    if run is None:
        return EXIT_INTERRUPTED
    lost = hash_mismatches(asking.database, run.started)
    verified = verification_coverage(asking.database, asking.config.scrub.days, time.time())
    if as_json:
        echo_json(_record(run, lost, verified))
    else:
        _print(run, lost, verified, budget is None)
    if stopped:
        return EXIT_INTERRUPTED
    if run.unreadable or any(one.lost for one in lost):
        return EXIT_FINDINGS
    _require_roots_present(asking)
    return 0


def _scrub(asking: CatalogContext, budget: int | None) -> tuple[ScrubRun | None, bool]:
    """The run as it ended, and whether it was interrupted."""
    from catalog.cli.scrub_follow import ChildScrub, ScrubProgress, ServiceScrub

    by = ServiceScrub(asking) if service_running(asking.config.state) else ChildScrub(asking)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as systemd asks: the same as Ctrl-C
    try:
        with ScrubProgress() as progress:
            return by.run(budget, progress), False
    except KeyboardInterrupt:
        return by.stop(), True


def _require_roots_present(asking: CatalogContext) -> None:
    roots = asking.config.roots
    away = [v for v in all_volumes(asking.database) if v.away and any(at_or_inside(v.path, root) for root in roots)]
    if away:
        raise ResourceError(
            f"{printable_path(away[0].path)} is away ({away[0].away}); what lies there was not read",
            "See `catalog status`, have it back, and scrub again.",
        )


def _record(run: ScrubRun, lost: list[HashMismatch], verified: dict[str, Any]) -> dict[str, Any]:
    listed = [asdict(one) | {"path": path_text(one.path)} for one in lost]
    return run._asdict() | {"betrayed": listed, "verified": verified}


def _print(run: ScrubRun, lost: list[HashMismatch], verified: dict[str, Any], tonights: bool) -> None:
    from catalog.console import format_count, format_size

    seconds = (run.ended or time.time()) - run.started
    _print_line(
        "read",
        f"{format_count(run.files)} file{'' if run.files == 1 else 's'}, {format_size(run.bytes)} in {seconds:.0f} s",
    )
    _print_line("sound", format_count(run.sound))
    for name, count, note in (
        ("different", run.different, "other bytes behind the same size and date"),
        ("changed", run.changed, "written since: read as new, and judged"),
        ("gone", run.gone, ""),
        ("unreadable", run.unreadable, "`catalog rejected` lists them; tried again later"),
        ("skipped", run.skipped, "nothing can be said of them now"),
    ):
        if count:
            _print_line(name, format_count(count) + (f"  {note}" if note else ""))
    for one in lost:
        why = one.evidence or one.reason
        _print_line("", f"  {one.verdict}: {printable_path(one.path)}" + (f": {why}" if why else ""))
    oldest = "" if verified["oldest"] is None else f", the oldest reading is {verified['oldest']:.0f} days old"
    _print_line("verified", f"{verified['percent']:g} % within {verified['days']:g} days{oldest}")
    if tonights and run.before:
        click.echo(f"{format_size(run.before)} were read before, since noon; --budget SIZE reads more", err=True)


def _print_line(name: str, value: str) -> None:
    click.echo(f"{click.style(f'{name:<12}', fg='cyan')} {value}")
