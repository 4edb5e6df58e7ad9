"""`catalog label`: the owner's choices."""

import time
from collections.abc import Callable

import click

from catalog.asking import Asking, BytesPath, asks, json_option, put_lines
from catalog.content_at import content_at
from catalog.db import Database
from catalog.display import show, text
from catalog.faults import UsageFault
from catalog.labels import Choice, choose

SOURCE = "owner"
FEW = 5  # paths that an error names


@click.group("label")
def command() -> None:
    """Say what to keep and what to delete, or take it back. A choice belongs to the content: every copy shares it, and
    it outlives moves, a lost disk, and the catalog itself (it is also written to a journal). Nothing is deleted by it.
    """


def _verb(value: str, short: str) -> Callable[..., None]:
    @command.command(value, help=short)
    @click.argument("paths", type=BytesPath(), nargs=-1, required=True, metavar="PATH...")
    @json_option
    @asks
    def verb(asking: Asking, paths: tuple[bytes, ...], as_json: bool) -> None:
        choices = _choices(asking, dict.fromkeys(paths), value)
        database = Database(asking.config.database, write=True)
        try:
            choose(database, asking.config.state, choices)
        finally:
            database.close()
        if as_json:
            put_lines({"path": text(c.path), "sha256": c.sha256.hex(), "label": _label(value)} for c in choices)
        else:
            contents = len({choice.sha256 for choice in choices})
            click.echo(f"{value}: {len(choices)} named, {contents} different contents", err=True)

    return verb


def _label(value: str) -> str | None:
    return None if value == "clear" else value


def _choices(asking: Asking, paths: dict[bytes, None], value: str) -> list[Choice]:
    """All of them or none: a list that was half done would have to be sorted out by hand."""
    at = round(time.time(), 3)
    found = {path: content_at(asking.database, path) for path in paths}
    wrong = [f"{show(path)} {held}" for path, held in found.items() if isinstance(held, str)]
    if wrong:
        more = f", and {len(wrong) - FEW} more" if len(wrong) > FEW else ""
        raise UsageFault(
            f"{'; '.join(wrong[:FEW])}{more}: nothing was labelled",
            "Name files that `catalog ls` shows; `catalogd --once` reads what is new.",
        )
    return [
        Choice(held[0], held[1], value, SOURCE, at, path) for path, held in found.items() if not isinstance(held, str)
    ]


_verb("keep", "Keep these files.")
_verb("delete", "These files may be deleted.")
_verb("clear", "Take the choice back.")
