"""`catalog scrub`: read known files again, the oldest reading first, and prove their bytes."""

import signal
import time
from dataclasses import asdict
from typing import Any

import click

from catalog.cli.options import asks, json_option, put
from catalog.cli.params import Size
from catalog.client.process import running
from catalog.context import Asking
from catalog.entry_point import INTERRUPTED
from catalog.errors import PlaceFault
from catalog.filesystem.paths import at_or_inside
from catalog.formatting import show, text
from catalog.integrity.bit_rot import Betrayal, betrayals
from catalog.integrity.coverage import coverage
from catalog.integrity.scrub_runs import Run
from catalog.store.volumes import volumes

FINDINGS = 1


@click.command("scrub")
@click.option(
    "--budget", type=Size(), metavar="SIZE", help="Read so much, like 50GB (else what tonight's budget leaves)."
)
@json_option
@asks
def command(asking: Asking, budget: int | None, as_json: bool) -> int:
    """Read known files again, oldest reading first, and compare them with their hashes.

    The service does it, or one that is started for it. Ctrl-C ends the scrub; what was verified stays verified.
    Exit code 1 if bytes have changed by themselves, or could not be read.
    """
    run, stopped = _scrub(asking, budget)
    if run is None:
        return INTERRUPTED
    lost = betrayals(asking.database, run.started)
    verified = coverage(asking.database, asking.config.scrub.days, time.time())
    if as_json:
        put(_record(run, lost, verified))
    else:
        _print(run, lost, verified, budget is None)
    if stopped:
        return INTERRUPTED
    if run.unreadable or any(one.lost for one in lost):
        return FINDINGS
    _demand_presence(asking)
    return 0


def _scrub(asking: Asking, budget: int | None) -> tuple[Run | None, bool]:
    """The run as it ended, and whether it was interrupted."""
    from catalog.cli.scrub_follow import ByChild, ByService, ScrubProgress

    by = ByService(asking) if running(asking.config.state) else ByChild(asking)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # as systemd asks: the same as Ctrl-C
    try:
        with ScrubProgress() as progress:
            return by.run(budget, progress), False
    except KeyboardInterrupt:
        return by.stop(), True


def _demand_presence(asking: Asking) -> None:
    roots = asking.config.roots
    away = [v for v in volumes(asking.database) if v.away and any(at_or_inside(v.path, root) for root in roots)]
    if away:
        raise PlaceFault(
            f"{show(away[0].path)} is away ({away[0].away}); what lies there was not read",
            "See `catalog status`, have it back, and scrub again.",
        )


def _record(run: Run, lost: list[Betrayal], verified: dict[str, Any]) -> dict[str, Any]:
    listed = [asdict(one) | {"path": text(one.path)} for one in lost]
    return run._asdict() | {"betrayed": listed, "verified": verified}


def _print(run: Run, lost: list[Betrayal], verified: dict[str, Any], tonights: bool) -> None:
    from catalog.console import figure, size

    seconds = (run.ended or time.time()) - run.started
    _line("read", f"{figure(run.files)} file{'' if run.files == 1 else 's'}, {size(run.bytes)} in {seconds:.0f} s")
    _line("sound", figure(run.sound))
    for name, count, note in (
        ("different", run.different, "other bytes behind the same size and date"),
        ("changed", run.changed, "written since: read as new, and judged"),
        ("gone", run.gone, ""),
        ("unreadable", run.unreadable, "`catalog rejected` lists them; tried again later"),
        ("skipped", run.skipped, "nothing can be said of them now"),
    ):
        if count:
            _line(name, figure(count) + (f"  {note}" if note else ""))
    for one in lost:
        why = one.evidence or one.reason
        _line("", f"  {one.verdict}: {show(one.path)}" + (f": {why}" if why else ""))
    oldest = "" if verified["oldest"] is None else f", the oldest reading is {verified['oldest']:.0f} days old"
    _line("verified", f"{verified['percent']:g} % within {verified['days']:g} days{oldest}")
    if tonights and run.before:
        click.echo(f"{size(run.before)} were read before, since noon; --budget SIZE reads more", err=True)


def _line(name: str, value: str) -> None:
    click.echo(f"{click.style(f'{name:<12}', fg='cyan')} {value}")
