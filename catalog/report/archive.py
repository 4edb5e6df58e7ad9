"""Stored reports: STATE/reports/report-YYYY-MM-DD.json and .html, one of each per day, for a limited number of days."""

import contextlib
import json
import re
from calendar import timegm
from pathlib import Path
from time import strptime
from typing import TYPE_CHECKING

from catalog.errors import resource_errors
from catalog.filesystem.atomic_write import inherit_owner, make_private_directory, replace_durably
from catalog.report.elements import Baseline, StoredReport
from catalog.report.wording import DAY_SECONDS, format_local_date
from catalog.state_dir import REPORTS

if TYPE_CHECKING:
    from catalog.json_types.report import ReportJson

REPORT_NAME_PATTERN = re.compile(r"report-(?P<day>\d{4}-\d{2}-\d{2})\.(?:json|html)")


def expired_reports(names: list[str], keep: int) -> set[str]:
    """Return the file names to delete: reports of all but the newest `keep` days, at least one. Pure.

    Names that are not those of reports are never returned.
    """
    days = {name: found["day"] for name in names if (found := REPORT_NAME_PATTERN.fullmatch(name))}
    kept = sorted(set(days.values()), reverse=True)[: max(1, keep)]
    return {name for name, day in days.items() if day not in kept}


def read_reports(state: Path) -> tuple[StoredReport, ...]:
    """Return the stored reports, oldest first. Damaged ones are skipped: they must not prevent tonight's."""
    names = sorted(
        path.name for path in (state / REPORTS).glob("report-*.json") if REPORT_NAME_PATTERN.fullmatch(path.name)
    )
    found = (_read_report(state / REPORTS / name) for name in names)
    return tuple(report for report in found if report is not None)


def _read_report(path: Path) -> StoredReport | None:
    named = REPORT_NAME_PATTERN.fullmatch(path.name)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        at = float(timegm(strptime(content["at"], "%Y-%m-%dT%H:%M:%SZ")))
        records = {str(name): dict(record) for name, record in content["sections"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return StoredReport(named["day"], at, records) if named else None


def choose_baseline(stored: tuple[StoredReport, ...], now: float, since: float | None = None) -> Baseline:
    """Return what a report made at `now` is compared with: the last one of an earlier day. Pure.

    An earlier day, so that a second report on the same day does not hide what the first one showed. Reports from the
    future, written under a wrong clock, are ignored. `since`: the time that the user asked for instead.
    """
    end = now if since is None else min(now, since + DAY_SECONDS)
    earlier = [report for report in stored if report.day < format_local_date(end) and report.at <= end]
    previous = earlier[-1] if earlier else None
    start = previous.at if previous else 0.0
    return Baseline(start if since is None else since, previous, stored)


def store_report(state: Path, day: str, record: "ReportJson", page: str, keep: int) -> Path:
    """Store the day's report, delete expired ones, and return the path of the page. Raises ResourceError."""
    folder = state / REPORTS
    make_private_directory(folder)
    page_path = folder / f"report-{day}.html"
    remedy = "Free some space, or run the command as the catalog's owner."
    with resource_errors(f"cannot store the report in {folder}", remedy):
        _write(page_path.with_suffix(".json"), json.dumps(record) + "\n")
        _write(page_path, page)
    for name in expired_reports([path.name for path in folder.iterdir()], keep):
        with contextlib.suppress(OSError):  # an extra file does no harm
            (folder / name).unlink()
    return page_path


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f".{path.name}.new")
    draft.write_text(text, encoding="utf-8")
    inherit_owner(draft)
    replace_durably(draft, path)
