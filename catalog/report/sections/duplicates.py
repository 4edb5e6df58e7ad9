"""What exact copies waste."""

from catalog.console import size
from catalog.context import Asking
from catalog.duplicates.groups import Group, exact
from catalog.formatting import text
from catalog.report.elements import Cell, Last, Rows, Section
from catalog.report.wording import many

SHOWN = 8
NOTHING_STAYS = "nothing: all lie in recycle bins, version stores or snapshots"


def section(asking: Asking, now: float, last: Last) -> Section:
    """Groups of the same bytes, the most wasteful first."""
    groups = wasted = copies = 0
    first: list[Group] = []
    for group in exact(asking.database):
        groups, wasted, copies = groups + 1, wasted + group.bytes_freed, copies + len(group.paths) - 1
        if len(first) < SHOWN and group.bytes_freed:
            first.append(group)
    return Section(
        "Duplicates",
        f"{many(copies, 'exact copy', 'exact copies')} of {many(groups, 'picture')} take {size(wasted)}"
        + _grown(wasted, last)
        if groups
        else "No file is there twice",
        rows=Rows(
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


def _row(one: Group) -> tuple[Cell, ...]:
    return size(one.bytes_freed), f"{len(one.paths) - 1}", one.keep if one.stays else NOTHING_STAYS


def _record(one: Group) -> dict[str, object]:
    paths = [text(path) for path in one.paths]
    return {"keep": text(one.keep), "stays": one.stays, "paths": paths, "bytes_freed": one.bytes_freed}


def _grown(wasted: int, last: Last) -> str:
    before = int(last.record("duplicates").get("bytes_freed", wasted))
    return f", {size(abs(wasted - before))} {'more' if wasted > before else 'less'}" if wasted != before else ""
