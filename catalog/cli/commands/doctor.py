"""`catalog doctor`: does this machine do the job, how fast, and what is in the way."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from catalog.backup.create import backup_standing
from catalog.cli.options import asks, json_option, put_lines
from catalog.context import Asking
from catalog.embedding.selection import find_bundle
from catalog.embedding.sessions import advice, open_session, running_on
from catalog.embedding.throughput import lines, measure
from catalog.errors import Fault
from catalog.filesystem.mounts import mount_of, read_mounts
from catalog.filesystem.volume_identity import observe
from catalog.formatting import show
from catalog.store.migrations import RECOVER
from catalog.store.volumes import remedy_of, volumes
from models.runtime.provider import gpus

if TYPE_CHECKING:
    from models.bundle.folder import Bundle

LEAST_FREE = 1 << 30
OVERFLOW_MARGIN = 16_384


@dataclass(frozen=True, slots=True)
class Finding:
    """One line: what was looked at, whether it is well, what was found, and what to do if it is not."""

    topic: str
    well: bool
    word: str
    remedy: str = ""


Examination = Callable[[Asking], Iterator[Finding]]


@click.command("doctor")
@json_option
@asks
def command(asking: Asking, as_json: bool) -> int:
    """Look at mounts, watches, disk, catalog and model; time one image, the loader alone and the model alone."""
    well = True
    for examination in EXAMINATIONS:
        for finding in _guarded(examination, asking):
            well = well and finding.well
            if as_json:
                put_lines([asdict(finding)])
            else:
                _print(finding)
    return 0 if well else 1


def _guarded(examination: Examination, asking: Asking) -> Iterator[Finding]:
    try:
        yield from examination(asking)
    except Fault as fault:
        yield Finding(examination.__name__, False, fault.problem, fault.remedy)


def _print(finding: Finding) -> None:
    sign = click.style("ok  ", fg="green") if finding.well else click.style("look", fg="red", bold=True)
    click.echo(f"{sign}  {finding.topic:<10}  {finding.word}")
    if finding.remedy:
        click.echo(f"                  → {finding.remedy}")


def roots(asking: Asking) -> Iterator[Finding]:
    """Volumes: present, of what filesystem, delivering events or not."""
    mounts = read_mounts()
    for volume in volumes(asking.database):
        seen = observe(volume.path, mounts)
        away = volume.away if volume.kind == "blocked" else volume.absence(seen)
        where = f"{show(volume.path)} ({mount_of(volume.path, mounts).fstype})"
        if away:
            word = "held" if volume.held and volume.in_place else "away"
            yield Finding(volume.kind, False, f"{where} is {word}: {away}", remedy_of(volume.kind, volume.held))
        else:
            word = "remote: scanned on a timer, not watched alone" if seen.remote else "watched"
            yield Finding(volume.kind, True, f"{where}, {word}")


def watches(asking: Asking) -> Iterator[Finding]:
    """Kernel limits against the number of directories."""
    directories = int(asking.database.value("SELECT count(*) FROM directory"))
    limit, queue = _limit("max_user_watches"), _limit("max_queued_events")
    yield Finding(
        "watches",
        limit > directories,
        f"{directories:,} directories, the kernel allows {limit:,} watches",
        ""
        if limit > directories
        else f"`sysctl fs.inotify.max_user_watches={2 * directories}`; till then a timer scans.",
    )
    enough = queue > directories or queue >= OVERFLOW_MARGIN
    yield Finding(
        "queue",
        enough,
        f"the kernel queues {queue:,} events",
        ""
        if enough
        else f"`sysctl fs.inotify.max_queued_events={max(OVERFLOW_MARGIN, 2 * directories)}`: fewer overflows.",
    )


def _limit(name: str) -> int:
    try:
        with open(f"/proc/sys/fs/inotify/{name}", encoding="ascii") as file:
            return int(file.read())
    except OSError:
        return 0


def store(asking: Asking) -> Iterator[Finding]:
    """The catalog's own disk, filesystem and integrity."""
    state = asking.config.state
    free = shutil.disk_usage(state).free
    yield Finding(
        "disk",
        free >= LEAST_FREE,
        f"{free / 1e9:.1f} GB free at {state}",
        "" if free >= LEAST_FREE else "Free some space.",
    )
    words = asking.database.quick_check()
    yield Finding("catalog", not words, "; ".join(words[:3]) or "sound", RECOVER if words else "")
    safety = backup_standing(asking.database, state, asking.config.backup, time.time())
    yield Finding("backup", not safety["problem"], safety["problem"] or f"newest: {safety['at'] or 'none yet'}")


def model(asking: Asking) -> Iterator[Finding]:
    """The bundle, the provider that really runs, the goldens; then the speed of loader and model, each alone."""
    from models.runtime.attestation import attest

    bundle = find_bundle(asking.config)
    session = open_session(bundle, asking.config)
    hint = advice(session, asking.config.model.provider, bundle.precision, gpus())
    yield Finding("provider", not session.warning, running_on(session), hint)
    found = attest(bundle, session)
    yield Finding(
        "goldens", found.ok, f"{bundle.name} {bundle.id}: {found.word}", "" if found.ok else "See the line above."
    )
    if bundle.text is not None:
        yield from _words(bundle)
    for topic, word in lines(measure(asking, bundle, session)):
        yield Finding(topic, True, word)


def _words(bundle: "Bundle") -> Iterator[Finding]:
    from models.runtime.text_attestation import attest_text
    from models.runtime.text_encoder import TextEncoder

    found = attest_text(bundle, TextEncoder(bundle))
    yield Finding("words", found.ok, found.word, "" if found.ok else "See the line above.")


EXAMINATIONS: tuple[Examination, ...] = (roots, watches, store, model)
