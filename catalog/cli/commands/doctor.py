"""`catalog doctor`: whether this machine is fit for the job, and how fast it is."""

import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from catalog import exit_codes
from catalog.backup.create import backup_status
from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.client.health import service_health
from catalog.context import CatalogContext
from catalog.embedding.selection import configured_bundle
from catalog.embedding.sessions import open_session, provider_advice, provider_summary
from catalog.embedding.throughput import measure_throughput, throughput_lines
from catalog.errors import CatalogError
from catalog.filesystem.mounts import mount_of, read_mounts
from catalog.filesystem.volume_identity import observe_volume
from catalog.formatting import printable_path, printable_text
from catalog.store.migrations import RECOVER_REMEDY
from catalog.store.volumes import all_volumes, volume_remedy
from models.runtime.provider import gpu_numbers

if TYPE_CHECKING:
    from catalog.json_types.integrity import DoctorFindingJson
    from models.bundle.folder import Bundle

MIN_FREE_BYTES = 1 << 30
MIN_QUEUED_EVENTS = 16_384
NOT_ATTESTED_REMEDY = "See the line above."


@dataclass(frozen=True, slots=True)
class DoctorFinding:
    """The result of one check. `remedy`: what to do if it is not `ok`, or to make it better; "" if nothing."""

    topic: str
    ok: bool
    message: str
    remedy: str = ""


DoctorCheck = Callable[[CatalogContext], Iterator[DoctorFinding]]


@click.command("doctor")
@json_option
@with_catalog
def command(context: CatalogContext, as_json: bool) -> int:
    """Check mounts, watches, disk, catalog and model, and measure the speed of the loader and the model.

    The exit code is 1 if anything is not in order.

    \b
    Examples:
      catalog doctor
    """
    all_ok = True
    for topic, check in DOCTOR_CHECKS.items():
        for finding in _run_check(topic, check, context):
            all_ok = all_ok and finding.ok
            if as_json:
                echo_json(_record(finding))
            else:
                _print(finding)
    return exit_codes.OK if all_ok else exit_codes.FINDINGS


def _run_check(topic: str, check: DoctorCheck, context: CatalogContext) -> Iterator[DoctorFinding]:
    try:
        yield from check(context)
    except CatalogError as error:
        yield DoctorFinding(topic, False, error.problem, error.remedy)


def _record(finding: DoctorFinding) -> "DoctorFindingJson":
    return {"topic": finding.topic, "well": finding.ok, "word": finding.message, "remedy": finding.remedy}


def _print(finding: DoctorFinding) -> None:
    sign = click.style("ok  ", fg="green") if finding.ok else click.style("look", fg="red", bold=True)
    click.echo(f"{sign}  {finding.topic:<10}  {finding.message}")
    if finding.remedy:
        click.echo(f"                  → {finding.remedy}")


def check_roots(context: CatalogContext) -> Iterator[DoctorFinding]:
    """Check that each volume is present, and tell its file system and whether it is watched."""
    mounts = read_mounts()
    for volume in all_volumes(context.database):
        if volume.dropped:
            continue
        seen = observe_volume(volume.path, mounts)
        absence = volume.away if volume.kind == "blocked" else volume.absence(seen)
        where = f"{printable_path(volume.path)} ({mount_of(volume.path, mounts).fstype})"
        if absence:
            state = "held" if volume.held and volume.in_place else "absent"
            remedy = volume_remedy(volume.kind, volume.held)
            yield DoctorFinding(volume.kind, False, f"{where} is {state}: {absence}", remedy)
        else:
            watched = "a network file system: watched, and scanned on a timer" if seen.remote else "watched"
            yield DoctorFinding(volume.kind, True, f"{where}, {watched}")


def check_watches(context: CatalogContext) -> Iterator[DoctorFinding]:
    """Compare the kernel's inotify limits with the number of directories."""
    directories = int(context.database.value("SELECT count(*) FROM directory"))
    limit, queue = _inotify_limit("max_user_watches"), _inotify_limit("max_queued_events")
    yield DoctorFinding(
        "watches",
        limit > directories,
        f"{directories:,} directories; the kernel allows {limit:,} watches",
        ""
        if limit > directories
        else f"Run `sysctl fs.inotify.max_user_watches={2 * directories}`. Until then the rest is scanned on a timer.",
    )
    enough = queue > directories or queue >= MIN_QUEUED_EVENTS
    wanted = max(MIN_QUEUED_EVENTS, 2 * directories)
    yield DoctorFinding(
        "queue",
        enough,
        f"the kernel queues {queue:,} events",
        ""
        if enough
        else f"Run `sysctl fs.inotify.max_queued_events={wanted}`, so that the queue overflows less often.",
    )


def _inotify_limit(name: str) -> int:
    try:
        with open(f"/proc/sys/fs/inotify/{name}", encoding="ascii") as file:
            return int(file.read())
    except OSError:
        return 0


def check_service(context: CatalogContext) -> Iterator[DoctorFinding]:
    """Check that the service runs, answers and makes progress; or without one, that the last full pass is complete."""
    health = service_health(context.config.state, time.time())
    message = health.problem or ("running" if health.running else "not running; no service was started here")
    yield DoctorFinding("service", not health.problem, printable_text(message), health.remedy)


def check_store(context: CatalogContext) -> Iterator[DoctorFinding]:
    """Check free space for the catalog, its integrity and its backups."""
    state = context.config.state
    free = shutil.disk_usage(state).free
    yield DoctorFinding(
        "disk",
        free >= MIN_FREE_BYTES,
        f"{free / 1e9:.1f} GB free at {state}",
        "" if free >= MIN_FREE_BYTES else f"Free at least {MIN_FREE_BYTES / 1e9:.1f} GB.",
    )
    problems = context.database.quick_check()
    yield DoctorFinding("catalog", not problems, "; ".join(problems[:3]) or "sound", RECOVER_REMEDY if problems else "")
    backup = backup_status(context.database, state, context.config.backup, time.time())
    yield DoctorFinding("backup", not backup["problem"], backup["problem"] or f"newest: {backup['at'] or 'none yet'}")


def check_model(context: CatalogContext) -> Iterator[DoctorFinding]:
    """Check the execution provider and the golden images, then measure the loader and the model separately."""
    from models.runtime.attestation import attest

    bundle = configured_bundle(context.config)
    session = open_session(bundle, context.config)
    advice = provider_advice(session, context.config.model.provider, bundle.precision, gpu_numbers())
    yield DoctorFinding("provider", not session.warning, provider_summary(session), advice)
    found = attest(bundle, session)
    message = f"{bundle.name} {bundle.id}: {found.message}"
    yield DoctorFinding("goldens", found.ok, message, "" if found.ok else NOT_ATTESTED_REMEDY)
    if bundle.text is not None:
        yield from _check_text_encoder(bundle)
    for topic, message in throughput_lines(measure_throughput(context, bundle, session)):
        yield DoctorFinding(topic, True, message)


def _check_text_encoder(bundle: "Bundle") -> Iterator[DoctorFinding]:
    from models.runtime.text_attestation import attest_text
    from models.runtime.text_encoder import TextEncoder

    found = attest_text(bundle, TextEncoder(bundle))
    yield DoctorFinding("words", found.ok, found.message, "" if found.ok else NOT_ATTESTED_REMEDY)


DOCTOR_CHECKS: dict[str, DoctorCheck] = {
    "service": check_service,
    "roots": check_roots,
    "watches": check_watches,
    "store": check_store,
    "model": check_model,
}
