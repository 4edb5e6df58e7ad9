"""`catalog ls`: files by state, reason, format or folder."""

import click

from catalog.cli.options import echo_json_lines, json_option, with_catalog
from catalog.cli.params import BytesPath, FormatName
from catalog.context import CatalogContext
from catalog.files.queries import FileFilter, matching_entries
from catalog.formatting import printable_path

STATES = ("pending", "ok", "rejected", "gone", "unreachable", "dropped", "ignored")


@click.command("ls")
@click.argument("folder", type=BytesPath(), required=False)
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="Only this state (repeatable).")
@click.option("--reason", default="", help="Only reasons that start with this text.")
@click.option("--format", "format_", type=FormatName(), default="", help="Only this format: jpeg, png, heif, …")
@click.option("--name", default="", metavar="PART", help="Only names that contain this text; case is ignored.")
@click.option("--suspect", is_flag=True, help="Only readable images that may be damaged, with the reason.")
@click.option("--least", type=click.FloatRange(0, 1), metavar="P", help="Only images with at least this p_delete.")
@click.option("--most", type=click.FloatRange(0, 1), metavar="P", help="Only images with at most this p_delete.")
@json_option
@with_catalog
def command(
    context: CatalogContext,
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
    """List files in all roots, or in FOLDER and below.

    \b
    Examples:
      catalog ls --state rejected ~/Pictures
      catalog ls --format heif --name img_
      catalog ls --least 0.9 --json
    """
    if (least, most) != (None, None):
        from catalog.heads.stored_head import require_head

        require_head(context.database)
    wanted = FileFilter(states, reason, format_, folder or b"", name, suspect, least, most)
    entries = matching_entries(context.database, wanted)
    if as_json:
        echo_json_lines(entry.record() for entry in entries)
        return
    for entry in entries:
        state = entry.state if entry.reason is None else f"{entry.state}: {entry.reason}"
        dimensions = f"{entry.width}x{entry.height}" if entry.width else "-"
        detail = f"\t{entry.detail}" if suspect else ""
        click.echo(f"{state}\t{entry.format or '-'}\t{dimensions}\t{entry.size}\t{printable_path(entry.path)}{detail}")
