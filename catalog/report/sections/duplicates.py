"""The section on the space that exact duplicates take."""

from typing import TYPE_CHECKING

from catalog.console import format_size
from catalog.context import CatalogContext
from catalog.duplicates.groups import DuplicateGroup, exact_duplicates
from catalog.formatting import path_text
from catalog.report.elements import Baseline, Cell, Section, Table
from catalog.report.wording import pluralize

if TYPE_CHECKING:
    from catalog.json_types.report import DuplicatesSectionJson, WastefulGroupJson

SHOWN_GROUPS = 8
ALL_COPIES_TRANSIENT = "none: all are in recycle bins, version stores or snapshots"


def section(context: CatalogContext, now: float, baseline: Baseline) -> Section:
    """Show groups of files with the same bytes, those that free the most first."""
    groups = wasted = copies = 0
    shown: list[DuplicateGroup] = []
    for group in exact_duplicates(context.database):
        if group.file_count < 2:
            continue  # hard links of one file
        groups, wasted, copies = groups + 1, wasted + group.bytes_freed, copies + group.file_count - 1
        if len(shown) < SHOWN_GROUPS and group.bytes_freed:
            shown.append(group)
    record: DuplicatesSectionJson = {
        "groups": groups,
        "copies": copies,
        "bytes_freed": wasted,
        "most": [_record(group) for group in shown],
    }
    return Section(
        "Duplicates",
        f"{pluralize(copies, 'exact copy', 'exact copies')} of {pluralize(groups, 'file')} "
        f"{'takes' if copies == 1 else 'take'} {format_size(wasted)}" + _growth(wasted, baseline)
        if groups
        else "There are no exact duplicates",
        table=Table(("frees", "copies", "keep"), tuple(map(_row, shown)), right=("frees", "copies")),
        more="catalog dups" if groups else "",
        record=record,
    )


def _row(group: DuplicateGroup) -> tuple[Cell, ...]:
    kept = group.keep if group.permanent else ALL_COPIES_TRANSIENT
    return format_size(group.bytes_freed), f"{group.file_count - 1}", kept


def _record(group: DuplicateGroup) -> "WastefulGroupJson":
    return {
        "keep": path_text(group.keep),
        "stays": group.permanent,
        "paths": [path_text(path) for path in group.paths],
        "bytes_freed": group.bytes_freed,
    }


def _growth(wasted: int, baseline: Baseline) -> str:
    before = int(baseline.record("duplicates").get("bytes_freed", wasted))
    return f", {format_size(abs(wasted - before))} {'more' if wasted > before else 'less'}" if wasted != before else ""
