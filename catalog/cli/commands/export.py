"""`catalog export`: the vectors, and where each of them comes from."""

from pathlib import Path

import click

from catalog.cli.options import with_catalog
from catalog.context import CatalogContext
from catalog.similarity.export import export_vectors


@click.command("export")
@click.option(
    "--manifest", type=click.Path(path_type=Path), required=True, help="JSON lines: the model, then the rows."
)
@click.option("--vectors", type=click.Path(path_type=Path), help="The vectors themselves, as a NumPy array (float16).")
@with_catalog
def command(asking: CatalogContext, manifest: Path, vectors: Path | None) -> None:
    """Tie every vector to its source files, their SHA-256 and all that made the vector; for other programs."""
    rows = export_vectors(asking, manifest, vectors)
    click.echo(f"{rows:,} rows", err=True)
