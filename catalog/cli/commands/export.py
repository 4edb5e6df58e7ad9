"""`catalog export`: the vectors, and where each of them comes from."""

from pathlib import Path

import click

from catalog.cli.options import asks
from catalog.context import Asking
from catalog.similarity.export import export


@click.command("export")
@click.option(
    "--manifest", type=click.Path(path_type=Path), required=True, help="JSON lines: the model, then the rows."
)
@click.option("--vectors", type=click.Path(path_type=Path), help="The vectors themselves, as a NumPy array (float16).")
@asks
def command(asking: Asking, manifest: Path, vectors: Path | None) -> None:
    """Tie every vector to its source files, their SHA-256 and all that made the vector; for other programs."""
    rows = export(asking, manifest, vectors)
    click.echo(f"{rows:,} rows", err=True)
