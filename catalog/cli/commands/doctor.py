"""`catalog doctor`: does this machine do the job, how fast, and what is in the way."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import click

from catalog.backup.create import backup_status
from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.context import CatalogContext
from catalog.embedding.selection import configured_bundle
from catalog.embedding.sessions import open_session, provider_advice, provider_summary
from catalog.embedding.throughput import measure_throughput, throughput_lines
from catalog.errors import CatalogError
from catalog.filesystem.mounts import mount_of, read_mounts
from catalog.filesystem.volume_identity import observe_volume
from catalog.formatting import printable_path
from catalog.store.migrations import RECOVER_REMEDY
from catalog.store.volumes import all_volumes, volume_remedy
from models.runtime.provider import gpu_numbers

if TYPE_CHECKING:
    from models.bundle.folder import Bundle

MIN_FREE_BYTES = 1 << 30
MIN_QUEUED_EVENTS = 16_384


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """One line: what was looked at, whether it is well, what was found, and what to do if it is not."""

    topic: str
    well: bool
    word: str
    remedy: str = ""


DoctorCheck = Callable[[CatalogContext], Iterator[DoctorFinding]]


@click.command("doctor")
@json_option
@with_catalog
def command(asking: CatalogContext, as_json: bool) -> int:
    """Look at mounts, watches, disk, catalog and model; time one image, the loader alone and the model alone."""
    well = True
    for examination in DOCTOR_CHECKS:
        for finding in _run_check(examination, asking):
            well = well and finding.well
            if as_json:
                echo_json_lines([asdict(finding)])
            else:
                _print(finding)
    return 0 if well else 1


def _run_check(examination: DoctorCheck, asking: CatalogContext) -> Iterator[DoctorFinding]:
    try:
        yield from examination(asking)
    except CatalogError as fault:
        yield DoctorFinding(examination.__name__, False, fault.problem, fault.remedy)


def _print(finding: DoctorFinding) -> None:
    sign = click.style("ok  ", fg="green") if finding.well else click.style("look", fg="red", bold=True)
    click.echo(f"{sign}  {finding.topic:<10}  {finding.word}")
    if finding.remedy:
        click.echo(f"                  → {finding.remedy}")


def roots(asking: CatalogContext) -> Iterator[DoctorFinding]:
    """Volumes: present, of what filesystem, delivering events or not."""
    mounts = read_mounts()
    for volume in all_volumes(asking.database):
        seen = observe_volume(volume.path, mounts)
        away = volume.away if volume.kind == "blocked" else volume.absence(seen)
        where = f"{printable_path(volume.path)} ({mount_of(volume.path, mounts).fstype})"
        if away:
            word = "held" if volume.held and volume.in_place else "away"
            yield DoctorFinding(
                volume.kind, False, f"{where} is {word}: {away}", volume_remedy(volume.kind, volume.held)
            )
        else:
            word = "remote: scanned on a timer, not watched alone" if seen.remote else "watched"
            yield DoctorFinding(volume.kind, True, f"{where}, {word}")


def watches(asking: CatalogContext) -> Iterator[DoctorFinding]:
    """Kernel limits against the number of directories."""
    directories = int(asking.database.value("SELECT count(*) FROM directory"))
    limit, queue = _inotify_limit("max_user_watches"), _inotify_limit("max_queued_events")
    yield DoctorFinding(
        "watches",
        limit > directories,
        f"{directories:,} directories, the kernel allows {limit:,} watches",
        ""
        if limit > directories
        else f"`sysctl fs.inotify.max_user_watches={2 * directories}`; till then a timer scans.",
    )
    enough = queue > directories or queue >= MIN_QUEUED_EVENTS
    yield DoctorFinding(
        "queue",
        enough,
        f"the kernel queues {queue:,} events",
        ""
        if enough
        else f"`sysctl fs.inotify.max_queued_events={max(MIN_QUEUED_EVENTS, 2 * directories)}`: fewer overflows.",
    )


def _inotify_limit(name: str) -> int:
    try:
        with open(f"/proc/sys/fs/inotify/{name}", encoding="ascii") as file:
            return int(file.read())
    except OSError:
        return 0


def store(asking: CatalogContext) -> Iterator[DoctorFinding]:
    """The catalog's own disk, filesystem and integrity."""
    state = asking.config.state
    free = shutil.disk_usage(state).free
    yield DoctorFinding(
        "disk",
        free >= MIN_FREE_BYTES,
        f"{free / 1e9:.1f} GB free at {state}",
        "" if free >= MIN_FREE_BYTES else "Free some space.",
    )
    words = asking.database.quick_check()
    yield DoctorFinding("catalog", not words, "; ".join(words[:3]) or "sound", RECOVER_REMEDY if words else "")
    safety = backup_status(asking.database, state, asking.config.backup, time.time())
    yield DoctorFinding("backup", not safety["problem"], safety["problem"] or f"newest: {safety['at'] or 'none yet'}")


def model(asking: CatalogContext) -> Iterator[DoctorFinding]:
    """The bundle, the provider that really runs, the goldens; then the speed of loader and model, each alone."""
    from models.runtime.attestation import attest

    bundle = configured_bundle(asking.config)
    session = open_session(bundle, asking.config)
    hint = provider_advice(session, asking.config.model.provider, bundle.precision, gpu_numbers())
    yield DoctorFinding("provider", not session.warning, provider_summary(session), hint)
    found = attest(bundle, session)
    yield DoctorFinding(
        "goldens", found.ok, f"{bundle.name} {bundle.id}: {found.word}", "" if found.ok else "See the line above."
    )
    if bundle.text is not None:
        yield from _check_text_encoder(bundle)
    for topic, word in throughput_lines(measure_throughput(asking, bundle, session)):
        yield DoctorFinding(topic, True, word)


def _check_text_encoder(bundle: "Bundle") -> Iterator[DoctorFinding]:
    from models.runtime.text_attestation import attest_text
    from models.runtime.text_encoder import TextEncoder

    found = attest_text(bundle, TextEncoder(bundle))
    yield DoctorFinding("words", found.ok, found.word, "" if found.ok else "See the line above.")


DOCTOR_CHECKS: tuple[DoctorCheck, ...] = (roots, watches, store, model)
