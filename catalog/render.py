"""What people see: the only place that knows rich. stdout is data, stderr is talk."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
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

ENDLESS = 1 << 16
STYLES = {"ok": "green", "rejected": "red", "pending": "yellow", "gone": "dim", "unreachable": "magenta"}


class Rate(ProgressColumn):
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
        Rate(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
    )


def byte_bar() -> Progress:
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
def counting(total: int | None) -> Iterator[Callable[[], object]]:
    """A bar over files; yields what is to be called for each. `total` None: nobody knows how many there are."""
    with progress_bar() as bar:
        task = bar.add_task("reading", total=total)
        yield lambda: bar.advance(task)


def console() -> Console:
    """Where data goes. Nothing is marked up or highlighted: a path may hold any character."""
    # A file or a pipe has no width: what is cut into lines there is no data any more.
    width = None if sys.stdout.isatty() else ENDLESS
    return Console(highlight=False, markup=False, emoji=False, soft_wrap=True, width=width)


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], right: Sequence[str] = ()) -> None:
    """Print a table; columns named in `right` hold figures. A column `state` is coloured."""
    out = console()
    made = Table(box=None, pad_edge=False, header_style="bold", show_edge=False)
    for name in columns:
        made.add_column(name, justify="right" if name in right else "left", overflow="fold", no_wrap=False)
    for row in rows:
        made.add_row(*(_cell(name, value) for name, value in zip(columns, row, strict=True)))
    out.print(made)


def _cell(column: str, value: object) -> Text:
    word = "" if value is None else str(value)
    return Text(word, style=STYLES.get(word, "") if column == "state" else "")


def pairs(rows: Iterable[tuple[str, object]], title: str = "") -> None:
    """Print names and values, one a line."""
    out = console()
    if title:
        out.print(Text(title, style="bold"))
    listed = list(rows)
    width = max((len(name) for name, _ in listed), default=0)
    for name, value in listed:
        line = value if isinstance(value, Text) else Text(str(value))
        out.print(Text(f"{name:<{width}}  ", style="cyan") + line)


def warn(word: str) -> Text:
    """A value that needs the owner's eye."""
    return Text(word, style="bold red")


def figure(number: float) -> str:
    """An integer with thin groups."""
    return f"{number:,.0f}"


def size(amount: float) -> str:
    """Bytes as people read them: 1,000 bytes are a kB."""
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"
