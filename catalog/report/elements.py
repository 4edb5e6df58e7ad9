"""The content of report sections, independent of how a terminal, a page or a script shows it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from catalog.formatting import printable_path

Cell = str | bytes  # bytes are a path, which each output escapes by its own rules


@dataclass(frozen=True, slots=True)
class Table:
    """A table; not shown without rows. `right`: names of the right-aligned columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    right: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows)


EMPTY_TABLE = Table((), ())


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A file to show as a small image, as far as it can be decoded. `p_delete`: None without a head."""

    path: bytes
    captions: tuple[str, ...] = ()
    p_delete: float | None = None


class PlotPoint(NamedTuple):
    """A point of a plot. `bad`: the part of `value` shown in red."""

    label: str
    value: float
    bad: float = 0.0


@dataclass(frozen=True, slots=True)
class Plot:
    """A small chart: `bars` from zero, or a `line` of percentages. `caption` also describes it to screen readers."""

    caption: str
    points: tuple[PlotPoint, ...]
    kind: Literal["bars", "line"] = "bars"


@dataclass(frozen=True, slots=True)
class Section:
    """A section of the report.

    `headline`: the summary in one sentence. `alarm`: what needs attention and what to do, or "". `more`: a command
    that shows more. `record`: the content as JSON, with which the next report compares (types in
    `catalog.json_types.report`).
    """

    title: str
    headline: str
    alarm: str = ""
    lines: tuple[str, ...] = ()
    table: Table = EMPTY_TABLE
    thumbnails: tuple[Thumbnail, ...] = ()
    plot: Plot | None = None
    more: str = ""
    record: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """An earlier report. `day`: local date in its file name; `records`: by section."""

    day: str
    at: float
    records: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What a report is compared with.

    `since`: seconds since the epoch, 0 if everything is new. `previous`: the last report of an earlier day. `stored`:
    all stored reports, oldest first.
    """

    since: float
    previous: StoredReport | None = None
    stored: tuple[StoredReport, ...] = ()

    def record(self, section: str) -> dict[str, Any]:
        """Return a section's record in the previous report; empty if there is none."""
        return self.previous.records.get(section, {}) if self.previous else {}


def printable_cell(cell: Cell) -> str:
    """Return a cell or a sentence as one printable line: a decoder's message may contain bytes of a hostile file."""
    return printable_path(cell if isinstance(cell, bytes) else cell.encode("utf-8", "surrogateescape"))
