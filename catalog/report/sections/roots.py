"""The section on roots and mounts: those that are absent, held, or not scanned for days."""

from typing import TYPE_CHECKING

from catalog.context import CatalogContext
from catalog.files.ignored import count_ignored
from catalog.formatting import format_utc, format_utc_or_none, path_text, printable_path
from catalog.report.elements import Baseline, Cell, Section, Table
from catalog.report.wording import DAY_SECONDS, format_duration, format_local_date, pluralize
from catalog.store.database import Database
from catalog.store.volumes import Volume, all_volumes, volume_remedy

if TYPE_CHECKING:
    from catalog.json_types.report import RootsSectionJson, VolumeJson

STALE_DAYS = 3  # scans are due every hour: after that long, nobody guards the collection
FILE_COUNTS_SQL = "SELECT volume, sum(files), sum(files) FILTER (WHERE state = 'gone') FROM tally GROUP BY volume"
GONE_SQL = "SELECT coalesce(sum(files), 0) FROM tally WHERE state = 'gone'"
ScanTimes = dict[int, float | None]  # volume id: last complete scan, seconds since the epoch


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Show all roots, and mounts that are absent."""
    volumes = [volume for volume in all_volumes(context.database) if not volume.dropped]
    shown = [volume for volume in volumes if volume.kind == "root" or volume.away]
    absent = [volume for volume in shown if volume.away]
    scanned: ScanTimes = dict(context.database.rows("SELECT id, scanned_at FROM volume"))
    files = _file_counts(context.database, volumes)
    record: RootsSectionJson = {
        "away": len(absent),
        "gone": int(context.database.value(GONE_SQL)) - count_ignored(context.database),
        "volumes": [_record(volume, files, scanned) for volume in shown],
    }
    return Section(
        "Roots",
        _headline(shown, absent),
        alarm=" ".join([*map(_absence_alarm, absent), *_stale_alarms(shown, scanned, now)]),
        table=Table(
            ("path", "files", "last scan", "state"),
            tuple(_row(volume, files, scanned, now) for volume in shown),
            right=("files",),
        ),
        more="catalog status",
        record=record,
    )


def _record(volume: Volume, files: dict[int, int], scanned: ScanTimes) -> "VolumeJson":
    return {
        "path": path_text(volume.path),
        "kind": volume.kind,
        "files": files.get(volume.id, 0),
        "away": volume.away,
        "held": volume.held,
        "since": format_utc(volume.since),
        "scanned_at": format_utc_or_none(scanned[volume.id]),
    }


def _row(volume: Volume, files: dict[int, int], scanned: ScanTimes, now: float) -> tuple[Cell, ...]:
    state = "present" if not volume.away else f"{'held' if volume.held else 'absent'}: {volume.away}"
    return volume.path, f"{files.get(volume.id, 0):,}", _scan_age(scanned[volume.id], now), state


def _file_counts(database: Database, volumes: list[Volume]) -> dict[int, int]:
    """Return the number of files that are not gone, by volume; those of a present mount count for its root."""
    counts: dict[int, int] = {}
    by_id = {volume.id: volume for volume in volumes}
    for volume_id, files, gone in database.rows(FILE_COUNTS_SQL):
        volume = by_id.get(volume_id)
        if volume is None:
            continue
        counted_for = volume.id if volume.away or volume.root is None else volume.root
        counts[counted_for] = counts.get(counted_for, 0) + files - (gone or 0)
    return counts


def _headline(shown: list[Volume], absent: list[Volume]) -> str:
    if not shown:
        return "No root has been scanned yet"
    held = sum(volume.held for volume in absent)
    counts = [f"{count} {state}" for count, state in ((held, "held"), (len(absent) - held, "absent")) if count]
    return f"{pluralize(len(shown), 'root')}" + (f": {', '.join(counts)}" if counts else ", all present")


def _absence_alarm(volume: Volume) -> str:
    state = f"{'held' if volume.held else 'absent'} since {format_local_date(volume.since)}"
    return f"{printable_path(volume.path)} is {state}: {volume.away}. {volume_remedy(volume.kind, volume.held)}"


def _stale_alarms(shown: list[Volume], scanned: ScanTimes, now: float) -> list[str]:
    ages = [(volume, now - (scanned[volume.id] or volume.since)) for volume in shown if not volume.away]
    return [
        f"{printable_path(volume.path)} has not been scanned for {format_duration(age)}: start the service,"
        " or run `catalogd --once`."
        for volume, age in ages
        if age > STALE_DAYS * DAY_SECONDS
    ]


def _scan_age(at: float | None, now: float) -> str:
    return "never" if at is None else f"{format_duration(max(0.0, now - at))} ago"
