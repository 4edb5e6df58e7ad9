"""What exact copies waste."""

from catalog.console import format_size
from catalog.context import CatalogContext
from catalog.duplicates.groups import DuplicateGroup, exact_duplicates
from catalog.formatting import path_text
from catalog.report.elements import Baseline, Cell, Section, Table
from catalog.report.wording import pluralize

SHOWN_GROUPS = 8
ALL_COPIES_TRANSIENT = "nothing: all lie in recycle bins, version stores or snapshots"


def section(asking: CatalogContext, now: float, last: Baseline) -> Section:
    """Groups of the same bytes, the most wasteful first."""
    groups = wasted = copies = 0
    first: list[DuplicateGroup] = []
    for group in exact_duplicates(asking.database):
        groups, wasted, copies = groups + 1, wasted + group.bytes_freed, copies + len(group.paths) - 1
        if len(first) < SHOWN_GROUPS and group.bytes_freed:
            first.append(group)
    return Section(
        "Duplicates",
        f"{pluralize(copies, 'exact copy', 'exact copies')} of {pluralize(groups, 'picture')} "
        f"take {format_size(wasted)}" + _growth(wasted, last)
        if groups
        else "No file is there twice",
        rows=Table(
            ("frees", "copies", "kept"),
            tuple(map(_row, first)),
            right=("frees", "copies"),
        ),
        more="catalog dups" if groups else "",
        record={
            "groups": groups,
            "copies": copies,
            "bytes_freed": wasted,
            "most": list(map(_record, first)),
        },
    )


def _row(one: DuplicateGroup) -> tuple[Cell, ...]:
    return format_size(one.bytes_freed), f"{len(one.paths) - 1}", one.keep if one.permanent else ALL_COPIES_TRANSIENT


def _record(one: DuplicateGroup) -> dict[str, object]:
    paths = [path_text(path) for path in one.paths]
    return {"keep": path_text(one.keep), "stays": one.permanent, "paths": paths, "bytes_freed": one.bytes_freed}


def _growth(wasted: int, last: Baseline) -> str:
    before = int(last.record("duplicates").get("bytes_freed", wasted))
    return f", {format_size(abs(wasted - before))} {'more' if wasted > before else 'less'}" if wasted != before else ""
