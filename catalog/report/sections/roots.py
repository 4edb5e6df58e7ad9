"""The roots and the disks in them: which are away, held by the brake, or not looked at for days."""

from catalog.context import CatalogContext
from catalog.formatting import format_utc, path_text, printable_path
from catalog.report.elements import Baseline, Section, Table
from catalog.report.wording import DAY_SECONDS, format_duration, format_local_date, pluralize
from catalog.store.database import Database
from catalog.store.volumes import Volume, all_volumes, volume_remedy

STALE_DAYS = 3  # a scan is due each hour: after that nobody guards the collection
FILE_COUNTS_SQL = "SELECT volume, sum(files), sum(files) FILTER (WHERE state = 'gone') FROM tally GROUP BY volume"


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """One row a root, and one for whatever is away."""
    every = all_volumes(asking.database)
    listed = [volume for volume in every if volume.kind == "root" or volume.away]
    away = [volume for volume in listed if volume.away]
    scanned: dict[int, float | None] = dict(asking.database.rows("SELECT id, scanned_at FROM volume"))
    stale = [one for one in listed if not one.away and now - (scanned[one.id] or one.since) > STALE_DAYS * DAY_SECONDS]
    files = _file_counts(asking.database, every)
    gone = int(asking.database.value("SELECT coalesce(sum(files), 0) FROM tally WHERE state = 'gone'"))
    return Section(
        "Roots",
        _headline(listed, away),
        alarm=" ".join(
            [*(map(_away_alarm, away)), *(_stale_alarm(one, now - (scanned[one.id] or one.since)) for one in stale)]
        ),
        rows=Table(
            ("path", "files", "last scan", "state"),
            tuple(
                (one.path, f"{files.get(one.id, 0):,}", _scan_age(scanned[one.id], now), _state_text(one))
                for one in listed
            ),
            right=("files",),
        ),
        more="catalog status",
        record={
            "away": len(away),
            "gone": gone,
            "volumes": [
                {
                    "path": path_text(one.path),
                    "kind": one.kind,
                    "files": files.get(one.id, 0),
                    "away": one.away,
                    "held": one.held,
                    "since": format_utc(one.since),
                    "scanned_at": None if (at := scanned[one.id]) is None else format_utc(at),
                }
                for one in listed
            ],
        },
    )


def _file_counts(database: Database, every: list[Volume]) -> dict[int, int]:
    """Files that are not gone, by volume; those of a mount that is present count for its root."""
    found: dict[int, int] = {}
    shown = {one.id: one for one in every}
    for volume, files, gone in database.rows(FILE_COUNTS_SQL):
        one = shown.get(volume)
        if one is None:
            continue
        place = one.id if one.away or one.root is None else one.root
        found[place] = found.get(place, 0) + files - (gone or 0)
    return found


def _headline(listed: list[Volume], away: list[Volume]) -> str:
    if not listed:
        return "No root was scanned yet"
    held = sum(one.held for one in away)
    told = [f"{held} held"] if held else []
    told += [f"{len(away) - held} away"] if len(away) > held else []
    return (
        f"{pluralize(len(listed), 'root')}: {', '.join(told)}"
        if told
        else f"{pluralize(len(listed), 'root')}, all present"
    )


def _away_alarm(one: Volume) -> str:
    word = f"{'held' if one.held else 'away'} since {format_local_date(one.since)}"
    return f"{printable_path(one.path)} is {word}: {one.away}. {volume_remedy(one.kind, one.held)}"


def _stale_alarm(one: Volume, age: float) -> str:
    where = printable_path(one.path)
    return f"{where} was not scanned for {format_duration(age)}: start the service, or run `catalogd --once`."


def _scan_age(at: float | None, now: float) -> str:
    return "never" if at is None else f"{format_duration(max(0.0, now - at))} ago"


def _state_text(one: Volume) -> str:
    return "present" if not one.away else f"{'held' if one.held else 'away'}: {one.away}"
