"""Where reports are kept: STATE/reports/report-YYYY-MM-DD.json and .html, one of each a day, so many days."""

import contextlib
import json
import os
import re
from calendar import timegm
from pathlib import Path
from time import strptime
from typing import Any

from catalog.errors import ResourceError
from catalog.filesystem.atomic_write import inherit_owner, make_private_directory, replace_durably
from catalog.report.elements import Baseline, StoredReport
from catalog.report.wording import DAY_SECONDS, format_local_date
from catalog.state_dir import REPORTS

REPORT_NAME_PATTERN = re.compile(r"report-(\d{4}-\d{2}-\d{2})\.(json|html)")


def report_folder(state: Path) -> Path:
    """Where the reports of this catalog lie."""
    return state / REPORTS


def expired_reports(names: list[str], keep: int) -> set[str]:
    """Which files may go: all but those of the newest `keep` days, one at least; never what is not ours. Pure."""
    days = {name: found[1] for name in names if (found := REPORT_NAME_PATTERN.fullmatch(name))}
    kept = sorted(set(days.values()), reverse=True)[: max(1, keep)]
    return {name for name, day in days.items() if day not in kept}


def read_reports(state: Path) -> tuple[StoredReport, ...]:
    """All kept reports that can be read, oldest first: a damaged one is no reason to have none tonight."""
    names = sorted(
        path.name for path in report_folder(state).glob("report-*.json") if REPORT_NAME_PATTERN.fullmatch(path.name)
    )
    found = (_read_report(report_folder(state) / name) for name in names)
    return tuple(kept for kept in found if kept is not None)


def _read_report(path: Path) -> StoredReport | None:
    named = REPORT_NAME_PATTERN.fullmatch(path.name)
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        at = float(timegm(strptime(told["at"], "%Y-%m-%dT%H:%M:%SZ")))
        records = {str(name): dict(record) for name, record in told["sections"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return StoredReport(named[1], at, records) if named else None


def choose_baseline(kept: tuple[StoredReport, ...], now: float, since: float | None = None) -> Baseline:
    """What a report of `now` is compared with. Pure.

    The last one of an earlier day: asked for twice in a day, it tells the same and more, not what is new since
    breakfast. What a wrong clock dated ahead is passed over. `since`: a moment that was asked for instead.
    """
    end = now if since is None else min(now, since + DAY_SECONDS)
    earlier = [one for one in kept if one.day < format_local_date(end) and one.at <= end]
    report = earlier[-1] if earlier else None
    return Baseline((report.at if report else 0.0) if since is None else since, report, kept)


def store_report(state: Path, day: str, record: dict[str, Any], page: str, keep: int) -> Path:
    """Put today's in place, and let the oldest go; returns the page's path. Raises PlaceFault."""
    folder = report_folder(state)
    make_private_directory(folder)
    place = folder / f"report-{day}.html"
    try:
        _write(place.with_suffix(".json"), json.dumps(record) + "\n")
        _write(place, page)
    except OSError as error:
        raise ResourceError(
            f"cannot keep the report in {folder}: {os.strerror(error.errno or 0).lower()}",
            "Free some space, or run it as the catalog's owner.",
        ) from error
    for name in expired_reports([path.name for path in folder.iterdir()], keep):
        with contextlib.suppress(OSError):  # one file too many harms nobody
            (folder / name).unlink()
    return place


def _write(place: Path, text: str) -> None:
    draft = place.with_name(f".{place.name}.new")
    draft.write_text(text, encoding="utf-8")
    inherit_owner(draft)
    replace_durably(draft, place)
