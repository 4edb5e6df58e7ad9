"""`catalog ls`: files, filtered."""

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.cli.params import BytesPath, FormatName
from catalog.context import CatalogContext
from catalog.files.queries import FileFilter, matching_entries
from catalog.formatting import printable_path

STATES = ("pending", "ok", "rejected", "gone", "unreachable")


@click.command("ls")
@click.argument("folder", type=BytesPath(), required=False)
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only these states (repeatable).")
@click.option("--reason", default="", help="Only reasons that begin so.")
@click.option("--format", "format_", type=FormatName(), default="", help="Only this format: jpeg, png, heif, …")
@click.option("--name", default="", metavar="PART", help="Only names that hold this text, in either case.")
@click.option("--suspect", is_flag=True, help="Only files that are ok, but may be damaged; says why.")
@click.option("--least", type=click.FloatRange(0, 1), help="Only from this p_delete on.")
@click.option("--most", type=click.FloatRange(0, 1), help="Only up to this p_delete.")
@json_option
@with_catalog
def command(
    asking: CatalogContext,
    folder: bytes | None,
    states: tuple[str, ...],
    reason: str,
    format_: str,
    name: str,
    suspect: bool,
    least: float | None,
    most: float | None,
    as_json: bool,
) -> None:
    """List files, of all roots or below FOLDER."""
    if (least, most) != (None, None):
        from catalog.heads.stored_head import require_head

        require_head(asking.database)
    wanted = FileFilter(states, reason, format_, folder or b"", name, suspect, least, most)
    found = matching_entries(asking.database, wanted)
    if as_json:
        echo_json_lines(entry.record() for entry in found)
        return
    for entry in found:
        word = entry.state if entry.reason is None else f"{entry.state}: {entry.reason}"
        size = f"{entry.width}x{entry.height}" if entry.width else "-"
        why = f"\t{entry.detail}" if suspect else ""
        click.echo(f"{word}\t{entry.format or '-'}\t{size}\t{entry.size}\t{printable_path(entry.path)}{why}")
