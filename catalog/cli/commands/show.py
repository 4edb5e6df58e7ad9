"""`catalog show`: everything known about a file."""

from typing import TYPE_CHECKING

import click

from catalog.cli.options import echo_json, json_option, with_catalog
from catalog.cli.params import BytesPath
from catalog.context import CatalogContext
from catalog.errors import UsageError
from catalog.files.queries import FileEntry, entry_at, files_with_content
from catalog.formatting import format_utc, format_utc_or_none, path_text, printable_path, printable_text
from catalog.similarity.nearest import similar_files

if TYPE_CHECKING:
    from catalog.json_types.files import FileDetailsJson, HistoryJson


@click.command("show")
@click.argument("path", type=BytesPath())
@click.option(
    "-k", "count", type=click.IntRange(0, 100), metavar="N", default=5, show_default=True, help="Number of neighbours."
)
@json_option
@with_catalog
def command(context: CatalogContext, path: bytes, count: int, as_json: bool) -> None:
    """Show everything known about the file at PATH: state, content, history, copies and nearest neighbours.

    \b
    Examples:
      catalog show ~/Pictures/2021/garden.jpg
      catalog show -k 0 --json ~/Pictures/2021/garden.jpg
    """
    entry = entry_at(context.database, path)
    if entry is None:
        raise UsageError(
            f"{printable_path(path)} is not in the catalog", "See `catalog ls`, or scan first: `catalogd --once`."
        )
    record = _record(context, entry, count)
    if as_json:
        echo_json(record)
    else:
        _print(record)


def _record(context: CatalogContext, entry: FileEntry, count: int) -> "FileDetailsJson":
    database = context.database
    row = database.row("SELECT taken_at, camera, note FROM content WHERE id = ?", entry.content)
    taken_at, camera, note = row or (None, None, None)
    copies = [] if entry.content is None else files_with_content(database, entry.content)
    near = similar_files(context, entry.path, count) if count and entry.state in ("ok", "unreachable") else ()
    return {
        **entry.record(),
        "first_seen": format_utc_or_none(entry.first_seen),
        "last_verified": format_utc_or_none(entry.last_verified),
        "taken_at": taken_at,
        "camera": camera,
        "note": _note(entry, note),
        "history": _history(context, entry),
        "copies": [path_text(copy.path) for copy in copies if copy.id != entry.id],
        "neighbours": [{"path": path_text(one.entry.path), "cosine": round(one.cosine, 4)} for one in near],
    }


def _note(entry: FileEntry, stored: str | None) -> str | None:
    from models.decode.extension import extension_mismatch  # only this command needs it

    mismatch = extension_mismatch(entry.format, entry.name) if entry.format else ""
    return "; ".join(filter(None, (stored, mismatch))) or None


def _history(context: CatalogContext, entry: FileEntry) -> "list[HistoryJson]":
    rows = context.database.rows(
        "SELECT h.seen_at, lower(hex(c.sha256)), h.size, h.verdict, h.evidence FROM history h"
        " JOIN content c ON c.id = h.content WHERE h.file = ? ORDER BY h.id",
        entry.id,
    )
    return [
        {"seen_at": format_utc(at), "sha256": sha256, "bytes": size, "verdict": verdict, "evidence": evidence}
        for at, sha256, size, verdict, evidence in rows
    ]


def _history_line(past: "HistoryJson") -> str:
    evidence = f"  {past['evidence']}" if past["evidence"] else ""
    return f"{past['seen_at']}  {past['verdict']}  {past['sha256'][:16]}{evidence}"


def _print(record: "FileDetailsJson") -> None:
    from catalog.console import print_pairs

    values = dict(record)
    rows: list[tuple[str, object]] = [("path", printable_text(record["path"]))]
    rows += [
        (name.replace("_", " "), values[name])
        for name in ("state", "reason", "detail", "format", "bytes", "sha256", "taken_at", "camera", "note", "label")
        if values[name] is not None
    ]
    if record["width"]:
        rows.append(("size", f"{record['width']} x {record['height']}"))
    rows += [("first seen", record["first_seen"]), ("last verified", record["last_verified"] or "never")]
    rows += [("history", _history_line(past)) for past in record["history"]]
    rows += [("copy", printable_text(path)) for path in record["copies"]]
    rows += [("neighbour", f"{near['cosine']:.4f}  {printable_text(near['path'])}") for near in record["neighbours"]]
    print_pairs(rows)
