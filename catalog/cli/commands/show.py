"""`catalog show`: everything known of one file."""

from typing import Any

import click

from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.cli.params import BytesPath
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.files.queries import FileEntry, entry_at, files_with_content
from catalog.formatting import format_utc, path_text, printable_path, printable_text
from catalog.similarity.nearest import similar_files


@click.command("show")
@click.argument("path", type=BytesPath())
@click.option("-k", "count", type=click.IntRange(0, 100), default=5, show_default=True, help="Nearest neighbours.")
@json_option
@with_catalog
def command(asking: CatalogContext, path: bytes, count: int, as_json: bool) -> None:
    """Everything known of the file at PATH: state, content, history, copies, nearest neighbours."""
    entry = entry_at(asking.database, path)
    if entry is None:
        raise UsageError(
            f"{printable_path(path)} is not in the catalog", "See `catalog ls`, or scan first: `catalogd --once`."
        )
    found = _record(asking, entry, count)
    if as_json:
        echo_json(found)
    else:
        _print(found)


def _record(asking: CatalogContext, entry: FileEntry, count: int) -> dict[str, Any]:
    database = asking.database
    more = database.row("SELECT taken_at, camera, note FROM content WHERE id = ?", entry.content) or (None,) * 3
    copies = [] if entry.content is None else files_with_content(database, entry.content)
    near = similar_files(asking, entry.path, count) if count and entry.state in ("ok", "unreachable") else ()
    return entry.record() | {
        "first_seen": _format_utc_or_none(entry.first_seen),
        "last_verified": _format_utc_or_none(entry.last_verified),
        "taken_at": more[0],
        "camera": more[1],
        "note": _note(entry, more[2]),
        "history": _history(asking, entry),
        "copies": [path_text(copy.path) for copy in copies if copy.id != entry.id],
        "neighbours": [{"path": path_text(one.entry.path), "cosine": round(one.cosine, 4)} for one in near],
    }


def _note(entry: FileEntry, told: str | None) -> str | None:
    from models.decode.extension import extension_mismatch  # only this command needs it

    named = extension_mismatch(entry.format, entry.name) if entry.format else ""
    return "; ".join(filter(None, (told, named))) or None


def _history(asking: CatalogContext, entry: FileEntry) -> list[dict[str, Any]]:
    rows = asking.database.rows(
        "SELECT h.seen_at, lower(hex(c.sha256)), h.size, h.verdict, h.evidence FROM history h"
        " JOIN content c ON c.id = h.content WHERE h.file = ? ORDER BY h.id",
        entry.id,
    )
    names = ("seen_at", "sha256", "bytes", "verdict", "evidence")
    return [dict(zip(names, (format_utc(at), *rest), strict=True)) for at, *rest in rows]


def _format_utc_or_none(seconds: float | None) -> str | None:
    return None if seconds is None else format_utc(seconds)


def _history_line(past: dict[str, Any]) -> str:
    why = f"  {past['evidence']}" if past["evidence"] else ""
    return f"{past['seen_at']}  {past['verdict']}  {past['sha256'][:16]}{why}"


def _print(found: dict[str, Any]) -> None:
    from catalog.console import print_pairs

    rows: list[tuple[str, object]] = [("path", printable_text(found["path"]))]
    rows += [
        (name.replace("_", " "), found[name])
        for name in ("state", "reason", "detail", "format", "bytes", "sha256", "taken_at", "camera", "note", "label")
        if found[name] is not None
    ]
    if found["width"]:
        rows.append(("size", f"{found['width']} x {found['height']}"))
    rows += [("first seen", found["first_seen"]), ("last verified", found["last_verified"] or "never")]
    rows += [("history", _history_line(past)) for past in found["history"]]
    rows += [("copy", printable_text(path)) for path in found["copies"]]
    rows += [("neighbour", f"{other['cosine']:.4f}  {printable_text(other['path'])}") for other in found["neighbours"]]
    print_pairs(rows)
