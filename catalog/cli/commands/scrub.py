"""`catalog scrub`: read known files again, oldest reading first, and compare them with their hashes."""

import signal
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, cast

import click

from catalog import exit_codes
from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.cli.params import Size
from catalog.client.process import service_running
from catalog.context import CatalogContext
from catalog.errors import ResourceError
from catalog.filesystem.paths import at_or_inside
from catalog.formatting import path_text, printable_path
from catalog.integrity.bit_rot import HashMismatch, hash_mismatches
from catalog.integrity.coverage import verification_coverage
from catalog.integrity.scrub_runs import ScrubRun
from catalog.store.volumes import all_volumes

if TYPE_CHECKING:
    from catalog.json_types.integrity import CoverageJson, ScrubJson


@click.command("scrub")
@click.option("--budget", type=Size(), metavar="SIZE", help="Bytes to read, like 50GB (else the rest of tonight's).")
@json_option
@with_catalog
def command(context: CatalogContext, budget: int | None, as_json: bool) -> int:
    """Read known files again, oldest reading first, and compare them with their hashes.

    The running service does the work, or else a temporary one. Ctrl-C stops the scrub; files verified so far count.
    The exit code is 1 if a file has bit rot or cannot be read.

    \b
    Examples:
      catalog scrub
      catalog scrub --budget 200GB
    """
    run, interrupted = _scrub(context, budget)
    if run is None:
        return exit_codes.INTERRUPTED
    mismatches = hash_mismatches(context.database, run.started)
    coverage = verification_coverage(context.database, context.config.scrub.days, time.time())
    if as_json:
        echo_json(_record(run, mismatches, coverage))
    else:
        _print(run, mismatches, coverage, nightly_budget=budget is None)
    if interrupted:
        return exit_codes.INTERRUPTED
    if run.unreadable or any(mismatch.lost for mismatch in mismatches):
        return exit_codes.FINDINGS
    _require_roots_present(context)
    return exit_codes.OK


def _scrub(context: CatalogContext, budget: int | None) -> tuple[ScrubRun | None, bool]:
    """Return the ended run, and whether it was interrupted."""
    from catalog.cli.scrub_follow import ChildScrub, ScrubProgress, ServiceScrub

    scrub = ServiceScrub(context) if service_running(context.config.state) else ChildScrub(context)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # systemd's request to stop is handled like Ctrl-C
    try:
        with ScrubProgress() as progress:
            return scrub.run(budget, progress), False
    except KeyboardInterrupt:
        return scrub.stop(), True


def _require_roots_present(context: CatalogContext) -> None:
    roots = context.config.roots
    for volume in all_volumes(context.database):
        if volume.away and any(at_or_inside(volume.path, root) for root in roots):
            raise ResourceError(
                f"{printable_path(volume.path)} is absent ({volume.away}); its files were not read",
                "Mount it again, then run `catalog scrub` again. `catalog status` shows all absent disks.",
            )


def _record(run: ScrubRun, mismatches: list[HashMismatch], coverage: "CoverageJson") -> "ScrubJson":
    betrayed = [asdict(mismatch) | {"path": path_text(mismatch.path)} for mismatch in mismatches]
    return cast("ScrubJson", {**run._asdict(), "betrayed": betrayed, "verified": coverage})


def _print(run: ScrubRun, mismatches: list[HashMismatch], coverage: "CoverageJson", *, nightly_budget: bool) -> None:
    from catalog.console import format_count, format_size

    seconds = (run.ended or time.time()) - run.started
    files = f"{format_count(run.files)} file{'' if run.files == 1 else 's'}"
    _print_line("read", f"{files}, {format_size(run.bytes)} in {seconds:.0f} s")
    _print_line("sound", format_count(run.sound))
    for name, count, note in (
        ("different", run.different, "other bytes behind the same size and date"),
        ("changed", run.changed, "modified since the last reading: read again as new"),
        ("gone", run.gone, ""),
        ("unreadable", run.unreadable, "listed by `catalog rejected`; tried again later"),
        ("skipped", run.skipped, "could not be checked now"),
    ):
        if count:
            _print_line(name, format_count(count) + (f"  {note}" if note else ""))
    for mismatch in mismatches:
        reason = mismatch.evidence or mismatch.reason
        _print_line("", f"  {mismatch.verdict}: {printable_path(mismatch.path)}" + (f": {reason}" if reason else ""))
    oldest = "" if coverage["oldest"] is None else f"; the oldest reading is {coverage['oldest']:.0f} days old"
    _print_line("verified", f"{coverage['percent']:g} % within {coverage['days']:g} days{oldest}")
    if nightly_budget and run.before:
        line = f"{format_size(run.before)} of tonight's budget were read by earlier scrubs; --budget SIZE reads more"
        click.echo(line, err=True)


def _print_line(name: str, value: str) -> None:
    click.echo(f"{click.style(f'{name:<12}', fg='cyan')} {value}")
