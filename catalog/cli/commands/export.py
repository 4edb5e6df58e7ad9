"""`catalog export`: vectors and their source files, for other programs."""

from pathlib import Path

import click

from catalog.cli.options import with_catalog
from catalog.context import CatalogContext
from catalog.similarity.export import export_vectors


@click.command("export")
@click.option(
    "--manifest",
    type=click.Path(path_type=Path),
    required=True,
    help="File for the manifest: JSON lines, first the model, then one line per vector.",
)
@click.option("--vectors", type=click.Path(path_type=Path), help="File for the vectors: a NumPy array of float16.")
@with_catalog
def command(context: CatalogContext, manifest: Path, vectors: Path | None) -> None:
    """Export the vectors with their source files, SHA-256 hashes and the model that made them.

    \b
    Examples:
      catalog export --manifest manifest.jsonl
      catalog export --manifest manifest.jsonl --vectors vectors.npy
    """
    rows = export_vectors(context, manifest, vectors)
    click.echo(f"{rows:,} vector{'' if rows == 1 else 's'}", err=True)
