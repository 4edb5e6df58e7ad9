"""THE list of sections, and how a report is put together from it. A new section is one file and one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from catalog.context import CatalogContext
from catalog.errors import CatalogError, StoreError
from catalog.formatting import format_utc
from catalog.report.elements import Baseline, Section
from catalog.report.sections import (
    backups,
    candidates,
    changes,
    damage,
    duplicates,
    head,
    ingest,
    model,
    rejected,
    roots,
    scrub,
    suspects,
)
from catalog.report.sections import (
    ingest_damage as corruption,
)
from catalog.report.sections import (
    suspect_labels as doubts,
)
from catalog.report.sections import (
    to_label as lessons,
)

SECTIONS: dict[str, Callable[[CatalogContext, float, Baseline], Section]] = {
    "damage": damage.section,
    "roots": roots.section,
    "changes": changes.section,
    "scrub": scrub.section,
    "corruption": corruption.section,
    "suspects": suspects.section,
    "rejected": rejected.section,
    "ingest": ingest.section,
    "candidates": candidates.section,
    "duplicates": duplicates.section,
    "doubts": doubts.section,
    "lessons": lessons.section,
    "head": head.section,
    "model": model.section,
    "backups": backups.section,
}


@dataclass(frozen=True, slots=True)
class Report:
    """All of it. `at`: seconds since the epoch; `sections`: by name, in the order of the list."""

    at: float
    last: Baseline
    sections: dict[str, Section]

    @property
    def alarms(self) -> dict[str, Section]:
        """The sections that need a person."""
        return {name: section for name, section in self.sections.items() if section.alarm}

    @property
    def ordered(self) -> dict[str, Section]:
        """Those that need a person first."""
        return self.alarms | self.sections

    @property
    def pictures(self) -> list[bytes]:
        """The files of which a thumbnail is wanted."""
        return [one.path for section in self.sections.values() for one in section.thumbnails]

    def record(self) -> dict[str, Any]:
        """As `report --json` and the kept files have it."""
        return {
            "at": format_utc(self.at),
            "since": format_utc(self.last.since) if self.last.since else None,
            "compared_with": self.last.report.day if self.last.report else None,
            "alarms": [{"section": name, "alarm": section.alarm} for name, section in self.alarms.items()],
            "sections": {
                name: {
                    "title": section.title,
                    "headline": section.headline,
                    "alarm": section.alarm,
                    "lines": list(section.lines),
                    **section.record,
                }
                for name, section in self.sections.items()
            },
        }


def build_report(asking: CatalogContext, now: float, last: Baseline) -> Report:
    """Every section. What cannot be told (a model's folder is away, say) is told in its place, and the rest stands.

    Raises StoreFault: of a damaged catalog nothing is reported.
    """
    return Report(now, last, {name: _build_section(name, make, asking, now, last) for name, make in SECTIONS.items()})


def _build_section(
    name: str,
    make: Callable[[CatalogContext, float, Baseline], Section],
    asking: CatalogContext,
    now: float,
    last: Baseline,
) -> Section:
    try:
        return make(asking, now, last)
    except StoreError:
        raise
    except CatalogError as fault:
        return Section(name.capitalize(), "Cannot be told", alarm=f"{fault.problem}. {fault.remedy}")
