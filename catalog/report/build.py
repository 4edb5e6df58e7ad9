"""The list of sections, and the report built from it. A new section is one module and one line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
    ingest_damage,
    model,
    rejected,
    roots,
    scrub,
    service,
    suspect_labels,
    suspects,
    to_label,
)

if TYPE_CHECKING:
    from catalog.json_types.report import ReportJson

SectionBuilder = Callable[[CatalogContext, float, Baseline], Section]
SECTIONS: dict[str, SectionBuilder] = {
    "damage": damage.section,
    "roots": roots.section,
    "service": service.section,
    "changes": changes.section,
    "scrub": scrub.section,
    "corruption": ingest_damage.section,
    "suspects": suspects.section,
    "rejected": rejected.section,
    "ingest": ingest.section,
    "candidates": candidates.section,
    "duplicates": duplicates.section,
    "doubts": suspect_labels.section,
    "lessons": to_label.section,
    "head": head.section,
    "model": model.section,
    "backups": backups.section,
}


@dataclass(frozen=True, slots=True)
class Report:
    """A report. `at`: seconds since the epoch; `sections`: by key, in the order of SECTIONS."""

    at: float
    baseline: Baseline
    sections: dict[str, Section]

    @property
    def alarms(self) -> dict[str, Section]:
        """The sections that need attention."""
        return {name: section for name, section in self.sections.items() if section.alarm}

    @property
    def ordered(self) -> dict[str, Section]:
        """All sections, those that need attention first."""
        return self.alarms | self.sections

    @property
    def thumbnail_paths(self) -> list[bytes]:
        """The files to make thumbnails of."""
        return [thumbnail.path for section in self.sections.values() for thumbnail in section.thumbnails]

    def record(self) -> "ReportJson":
        """Return the object that `report --json` prints and the archive stores."""
        since, previous = self.baseline.since, self.baseline.previous
        return {
            "at": format_utc(self.at),
            "since": format_utc(since) if since else None,
            "compared_with": previous.day if previous else None,
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


def build_report(context: CatalogContext, now: float, baseline: Baseline) -> Report:
    """Build every section. One that fails, say because a model's folder is missing, shows its error instead.

    Raises StoreError if the catalog is damaged; no report is made of it.
    """
    sections = {name: _build_section(name, make, context, now, baseline) for name, make in SECTIONS.items()}
    return Report(now, baseline, sections)


def _build_section(name: str, make: SectionBuilder, context: CatalogContext, now: float, baseline: Baseline) -> Section:
    try:
        return make(context, now, baseline)
    except StoreError:
        raise
    except CatalogError as error:
        return Section(name.capitalize(), "Not available", alarm=f"{error.problem}. {error.remedy}")
