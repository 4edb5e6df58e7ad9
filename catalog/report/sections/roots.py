"""The roots and the disks in them: which are away, held by the brake, or not looked at for days."""

from catalog.context import Asking
from catalog.formatting import moment, show, text
from catalog.report.elements import Last, Rows, Section
from catalog.report.wording import DAY, ago, day_of, many
from catalog.store.database import Database
from catalog.store.volumes import Volume, remedy_of, volumes

STALE_DAYS = 3  # a scan is due each hour: after that nobody guards the collection
FILES = "SELECT volume, sum(files), sum(files) FILTER (WHERE state = 'gone') FROM tally GROUP BY volume"


def section(asking: Asking, now: float, last: Last) -> Section:
    """One row a root, and one for whatever is away."""
    every = volumes(asking.database)
    listed = [volume for volume in every if volume.kind == "root" or volume.away]
    away = [volume for volume in listed if volume.away]
    scanned: dict[int, float | None] = dict(asking.database.rows("SELECT id, scanned_at FROM volume"))
    stale = [one for one in listed if not one.away and now - (scanned[one.id] or one.since) > STALE_DAYS * DAY]
    files = _files(asking.database, every)
    gone = int(asking.database.value("SELECT coalesce(sum(files), 0) FROM tally WHERE state = 'gone'"))
    return Section(
        "Roots",
        _headline(listed, away),
        alarm=" ".join([*(map(_absent, away)), *(_stale(one, now - (scanned[one.id] or one.since)) for one in stale)]),
        rows=Rows(
            ("path", "files", "last scan", "state"),
            tuple((one.path, f"{files.get(one.id, 0):,}", _scan(scanned[one.id], now), _word(one)) for one in listed),
            right=("files",),
        ),
        more="catalog status",
        record={
            "away": len(away),
            "gone": gone,
            "volumes": [
                {
                    "path": text(one.path),
                    "kind": one.kind,
                    "files": files.get(one.id, 0),
                    "away": one.away,
                    "held": one.held,
                    "since": moment(one.since),
                    "scanned_at": None if (at := scanned[one.id]) is None else moment(at),
                }
                for one in listed
            ],
        },
    )


def _files(database: Database, every: list[Volume]) -> dict[int, int]:
    """Files that are not gone, by volume; those of a mount that is present count for its root."""
    found: dict[int, int] = {}
    shown = {one.id: one for one in every}
    for volume, files, gone in database.rows(FILES):
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
    return f"{many(len(listed), 'root')}: {', '.join(told)}" if told else f"{many(len(listed), 'root')}, all present"


def _absent(one: Volume) -> str:
    word = f"{'held' if one.held else 'away'} since {day_of(one.since)}"
    return f"{show(one.path)} is {word}: {one.away}. {remedy_of(one.kind, one.held)}"


def _stale(one: Volume, age: float) -> str:
    return f"{show(one.path)} was not scanned for {ago(age)}: start the service, or run `catalogd --once`."


def _scan(at: float | None, now: float) -> str:
    return "never" if at is None else f"{ago(max(0.0, now - at))} ago"


def _word(one: Volume) -> str:
    return "present" if not one.away else f"{'held' if one.held else 'away'}: {one.away}"
