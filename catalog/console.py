"""What people see: the only place that knows rich. stdout is data, stderr is talk."""

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
PROSE_WIDTH = 100  # characters a line of what is read as prose but not on a terminal
SPARKLINE_BLOCKS = "▁▂▃▄▅▆▇█"
STATE_STYLES = {"ok": "green", "rejected": "red", "pending": "yellow", "gone": "dim", "unreachable": "magenta"}


class FilesPerSecondColumn(ProgressColumn):
    """Files a second."""

    def render(self, task: Task) -> Text:
        """The rate of late."""
        return Text("" if task.speed is None else f"{task.speed:.0f}/s", style="cyan")


def progress_bar() -> Progress:
    """A bar with counts, rate and time left, on stderr."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        FilesPerSecondColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def byte_progress_bar() -> Progress:
    """A bar of bytes read, with rate and time left, on stderr."""
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


@contextmanager
def file_progress(total: int | None) -> Iterator[Callable[[], object]]:
    """A bar over files; yields what is to be called for each. `total` None: nobody knows how many there are."""
    with progress_bar() as bar:
        task = bar.add_task("reading", total=total)
        yield lambda: bar.advance(task)


def stdout_console() -> Console:
    """Where data goes. Nothing is marked up or highlighted: a path may hold any character."""
    # A file or a pipe has no width: what is cut into lines there is no data any more.
    width = None if sys.stdout.isatty() else UNBOUNDED_WIDTH
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=width)


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> None:
    """Print a table; columns named in `right` hold figures. A column `state` is coloured."""
    out = stdout_console()
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=False)
    for row in rows:
        made.add_row(*(_cell(name, value) for name, value in zip(columns, row, strict=True)))
    out.print(made)


def _cell(column: str, value: object) -> Text:
    word = "" if value is None else str(value)
    return Text(word, style=STATE_STYLES.get(word, "") if column == "state" else "")


def print_pairs(rows: Iterable[tuple[str, object]], title: str = "") -> None:
    """Print names and values, one a line."""
    out = stdout_console()
    if title:
        out.print(Text(title, style="bold"))
    listed = list(rows)
    width = max((len(name) for name, _ in listed), default=0)
    for name, value in listed:
        line = value if isinstance(value, Text) else Text(str(value))
        out.print(Text(f"{name:<{width}}  ", style="cyan") + line)


def alarm_text(word: str) -> Text:
    """A value that needs the owner's eye."""
    return Text(word, style="bold red")


def format_count(number: float) -> str:
    """An integer with thin groups."""
    return f"{number:,.0f}"


def format_size(amount: float) -> str:
    """Bytes as people read them: 1,000 bytes are a kB."""
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


class TextPage:
    """A page of prose and tables, for a terminal or, with `width`, as plain text for a mail: `text` gives it."""

    def __init__(self, width: int | None = None) -> None:
        wide = width or (None if sys.stdout.isatty() else PROSE_WIDTH)
        self._file = StringIO() if width else None
        self._out = Console(highlight=False, markup=False, emoji=False, width=wide, file=self._file)

    @property
    def text(self) -> str:
        """What was written, where a width was given."""
        return self._file.getvalue() if self._file else ""

    def title(self, word: str, beside: str) -> None:
        """The first line."""
        self._out.print(Text(word, style="bold") + Text(f"  {beside}", style="not bold dim"))

    def alarm(self, words: str) -> None:
        """A line in red."""
        self._out.print()
        self._out.print(Text(words, style="bold red"))

    def calm(self, words: str) -> None:
        """A line in green."""
        self._out.print()
        self._out.print(Text(words, style="green"))

    def item(self, name: str, words: str) -> None:
        """One of several points, hanging under its name."""
        self._indent(Text(f"{name}: ", style="bold") + Text(words, style="not bold"))

    def heading(self, title: str, headline: str, *, alarm: bool = False) -> None:
        """A section's title, and what it says in one sentence."""
        self._out.print()
        self._out.print(Text(title, style="bold red" if alarm else "bold cyan"))
        self.line(headline)

    def line(self, words: str) -> None:
        """A sentence of a section."""
        self._indent(Text(words))

    def hint(self, call: str) -> None:
        """What to type for more."""
        self._indent(Text(f"more: {call}", style="dim"))

    def spark(self, caption: str, values: Sequence[float]) -> None:
        """Figures as a row of blocks, zero as a point; nothing where the terminal has no such characters."""
        if not self._out.encoding.startswith("utf"):
            return
        most = max(values, default=0) or 1
        blocks = "".join("·" if not value else SPARKLINE_BLOCKS[min(7, int(8 * value / most))] for value in values)
        self._indent(Text(blocks, style="cyan") + Text(f"  {caption}", style="not bold dim"))

    def table(
        self, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str] = (), lead: int = 0
    ) -> None:
        """Rows; where they do not fit, each stands by itself below its `lead`, which is never broken: it may be a path
        that somebody wants to copy.
        """
        widths = [max(map(cell_len, column)) for column in zip(columns, *rows, strict=True)]
        if sum(widths) + 2 * len(widths) > self._out.width:
            self._stack(columns, rows, right, lead)
            return
        made = Table(box=None, pad_edge=False, header_style="dim", show_edge=False)
        for name in columns:
            made.add_column(name, justify="right" if name in right else "left", no_wrap=True)
        for row in rows:
            made.add_row(*map(Text, row))
        self._indent(made)

    def _stack(self, columns: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[str], lead: int) -> None:
        for row in rows:
            self._out.print(Text("  ") + Text(row[lead], style="bold"), soft_wrap=True)
            told = [
                f"{name} {value}" if name in right else value
                for place, (name, value) in enumerate(zip(columns, row, strict=True))
                if place != lead and value
            ]
            if told:
                self._indent(Text("; ".join(told)), 4)

    def _indent(self, made: Text | Table, by: int = 2) -> None:
        if isinstance(made, Table):
            self._out.print(Padding(made, (0, 0, 0, by), expand=False))
            return
        for line in made.wrap(self._out, max(20, self._out.width - by)):  # Padding would fill each up with spaces
            line.rstrip()
            self._out.print(Text(" " * by) + line, soft_wrap=True)
