"""Terminal output: tables, progress bars and text pages. Only this module uses rich."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO

from rich.cells import cell_len
from rich.console import Console
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    DownloadColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

UNBOUNDED_WIDTH = 1 << 16
PROSE_WIDTH = 100  # characters per line of prose that does not go to a terminal
PATH_COLUMNS = frozenset({"path", "folder", "root"})
SPARKLINE_BLOCKS = "▁▂▃▄▅▆▇█"
STATE_STYLES = {
    "ok": "green",
    "rejected": "red",
    "pending": "yellow",
    "gone": "dim",
    "unreachable": "magenta",
    "ignored": "dim",
    "dropped": "dim",
}


class FilesPerSecondColumn(ProgressColumn):
    """The rate of a progress bar, in files per second."""

    def render(self, task: Task) -> Text:
        """Return the recent rate."""
        return Text("" if task.speed is None else f"{task.speed:.0f}/s", style="cyan")


def progress_bar() -> Progress:
    """Return a progress bar for files on stderr, with counts, rate and remaining time."""
    return _stderr_bar(MofNCompleteColumn(), FilesPerSecondColumn())


def byte_progress_bar() -> Progress:
    """Return a progress bar for bytes on stderr, with rate and remaining time."""
    return _stderr_bar(DownloadColumn(), TransferSpeedColumn())


def _stderr_bar(*columns: ProgressColumn) -> Progress:
    lead = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn())
    return Progress(*lead, *columns, TimeRemainingColumn(), console=Console(stderr=True))


@contextmanager
def file_progress(total: int | None) -> Iterator[Callable[[], object]]:
    """Show a progress bar for files; yield a function to call after each. `total`: None if unknown."""
    with progress_bar() as bar:
        task = bar.add_task("reading", total=total)
        yield lambda: bar.advance(task)


def stdout_console() -> Console:
    """Return the console for results, without markup or highlighting, since a path may contain any character."""
    # A file or pipe has no width: results that are wrapped there could not be parsed any more.
    width = None if sys.stdout.isatty() else UNBOUNDED_WIDTH
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=width)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> None:
    """Print a table; columns named in `right` contain numbers. A column `state` is coloured.

    On a terminal that is too narrow for it, print one line per cell instead: a folded path could not be copied.
    """
    console = stdout_console()
    cells = [["" if value is None else str(value) for value in row] for row in rows]
    if _table_width(columns, cells) > console.width:
        _print_records(console, columns, cells)
        return
    table = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name in right else "left", no_wrap=True)
    for row in cells:
        table.add_row(*map(_styled_cell, columns, row))
    console.print(table)


def _table_width(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> int:
    widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
    return sum(widths) + 2 * (len(widths) - 1)


def _print_records(console: Console, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print each row as its path, or else its first cell, with the other cells below."""
    lead = next((number for number, name in enumerate(columns) if name in PATH_COLUMNS), 0)
    for row in rows:
        console.print(Text(row[lead], style="bold"))
        for number, (name, value) in enumerate(zip(columns, row, strict=True)):
            if number != lead and value:
                console.print(Text(f"    {name}: ") + _styled_cell(name, value))


def _styled_cell(column: str, text: str) -> Text:
    return Text(text, style=STATE_STYLES.get(text, "") if column == "state" else "")


def print_pairs(pairs: Sequence[tuple[str, object]]) -> None:
    """Print names and values, one pair per line."""
    console = stdout_console()
    width = max((len(name) for name, _ in pairs), default=0)
    for name, value in pairs:
        console.print(Text(f"{name:<{width}}  ", style="cyan") + Text(str(value)))


def format_count(number: float) -> str:
    """Return an integer with thousands separators."""
    return f"{number:,.0f}"


def format_size(amount: float) -> str:
    """Return a number of bytes with a unit; 1 kB is 1,000 bytes."""
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


class TextPage:
    """A page of prose and tables: printed on the terminal, or with `width` written as plain `text` for a mail."""

    def __init__(self, width: int | None = None) -> None:
        console_width = width or (None if sys.stdout.isatty() else PROSE_WIDTH)
        self._file = StringIO() if width else None
        self._console = Console(highlight=False, markup=False, emoji=False, width=console_width, file=self._file)

    @property
    def text(self) -> str:
        """The text so far, if a width was given."""
        return self._file.getvalue() if self._file else ""

    def title(self, text: str, subtitle: str) -> None:
        """Write the first line."""
        self._console.print(Text(text, style="bold") + Text(f"  {subtitle}", style="not bold dim"))

    def summary(self, text: str, *, alarm: bool) -> None:
        """Write a line in green, or an alarm in red."""
        self._console.print()
        self._console.print(Text(text, style="bold red" if alarm else "green"))

    def item(self, name: str, text: str) -> None:
        """Write a list item with a name in bold."""
        self._indent(Text(f"{name}: ", style="bold") + Text(text, style="not bold"))

    def heading(self, title: str, headline: str, *, alarm: bool = False) -> None:
        """Write the title of a section, and its summary."""
        self._console.print()
        self._console.print(Text(title, style="bold red" if alarm else "bold cyan"))
        self.line(headline)

    def line(self, text: str) -> None:
        """Write a sentence of a section."""
        self._indent(Text(text))

    def hint(self, command: str) -> None:
        """Write the command that shows more."""
        self._indent(Text(f"more: {command}", style="dim"))

    def sparkline(self, caption: str, values: Sequence[float]) -> None:
        """Write numbers as a row of blocks, zero as a dot; nothing if the encoding lacks these characters."""
        if not self._console.encoding.startswith("utf"):
            return
        highest = max(values, default=0) or 1
        blocks = "".join("·" if not value else SPARKLINE_BLOCKS[min(7, int(8 * value / highest))] for value in values)
        self._indent(Text(blocks, style="cyan") + Text(f"  {caption}", style="not bold dim"))

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = (), lead: int = 0
    ) -> None:
        """Write a table. If it is too wide, write each row as its `lead` cell with the others below.

        A cell with a path is never folded: somebody may want to copy it.
        """
        if 2 + _table_width(columns, rows) > self._console.width:
            self._stack(columns, rows, right, lead)
            return
        table = Table(box=None, pad_edge=False, header_style="dim", show_edge=False)
        for name in columns:
            table.add_column(name, justify="right" if name in right else "left", no_wrap=True)
        for row in rows:
            table.add_row(*map(Text, row))
        self._console.print(Padding(table, (0, 0, 0, 2), expand=False))

    def _stack(self, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str], lead: int) -> None:
        for row in rows:
            self._console.print(Text("  ") + Text(row[lead], style="bold"), soft_wrap=True)
            others = [
                f"{name} {value}" if name in right else value
                for number, (name, value) in enumerate(zip(columns, row, strict=True))
                if number != lead and value
            ]
            prose = "; ".join(text for text in others if "/" not in text)
            if prose:
                self._indent(Text(prose), 4)
            for text in others:
                if "/" in text:  # it contains a path
                    self._console.print(Text(f"    {text}"), soft_wrap=True)

    def _indent(self, text: Text, indent: int = 2) -> None:
        width = max(20, self._console.width - indent)
        for line in text.wrap(self._console, width, overflow="ignore"):  # a long word may be a path: never fold it
            line.rstrip()  # and no Padding, which would fill each line with spaces
            self._console.print(Text(" " * indent) + line, soft_wrap=True)
