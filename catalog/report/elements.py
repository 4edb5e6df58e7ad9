"""What a section of the report says, in a form that a terminal, a page and a script can each show in their way."""

from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from catalog.formatting import printable_path

Cell = str | bytes  # bytes are a path: each way of showing escapes it by its own rules


@dataclass(frozen=True, slots=True)
class Table:
    """A table; nothing is shown of one without rows. Columns named in `right` hold figures."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    right: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rows)


EMPTY_TABLE = Table((), ())


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """A file to be shown small, as far as it can be. `words`: what to know of it; `p_delete`: None without a head."""

    path: bytes
    words: tuple[str, ...] = ()
    p_delete: float | None = None


class PlotPoint(NamedTuple):
    """One place of a plot. `bad`: the part of `value` that is in the colour of alarm."""

    label: str
    value: float
    bad: float = 0.0


@dataclass(frozen=True, slots=True)
class Plot:
    """A small picture of figures: `bars` from zero, or a `line` of percent. `caption` tells it to who cannot see it."""

    caption: str
    points: tuple[PlotPoint, ...]
    kind: Literal["bars", "line"] = "bars"


@dataclass(frozen=True, slots=True)
class Section:
    """One heading of the report.

    `headline`: the whole of it in one sentence. `alarm`: what needs a person, and what to do; "" where nothing does.
    `more`: the command that tells the rest. `record`: the same for scripts, plain JSON; the next report compares
    with it.
    """

    title: str
    headline: str
    alarm: str = ""
    lines: tuple[str, ...] = ()
    rows: Table = EMPTY_TABLE
    thumbnails: tuple[Thumbnail, ...] = ()
    plot: Plot | None = None
    more: str = ""
    record: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredReport:
    """An earlier report as it was kept. `records`: by section. `day`: in its name."""

    day: str
    at: float
    records: dict[str, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Baseline:
    """What this report is compared with. `since`: seconds since the epoch, 0 where all is new; `report`: the last one
    of an earlier day; `series`: all kept ones, oldest first.
    """

    since: float
    report: StoredReport | None = None
    series: tuple[StoredReport, ...] = ()

    def record(self, section: str) -> dict[str, Any]:
        """What a section told last time; empty where it told nothing."""
        return self.report.records.get(section, {}) if self.report else {}


def printable_cell(cell: Cell) -> str:
    """A cell, or a sentence, as one line of text that any terminal and any page can hold: what a decoder says of a
    hostile file may have that file's own bytes in it.
    """
    return printable_path(cell if isinstance(cell, bytes) else cell.encode("utf-8", "surrogateescape"))
