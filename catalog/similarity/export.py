"""Export vectors for other programs, with a manifest that links each vector to its source files and their SHA-256."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from catalog.context import CatalogContext
from catalog.embedding.inventory import describe_bundle
from catalog.embedding.selection import serving_bundle
from catalog.errors import resource_errors
from catalog.files.queries import files_with_content
from catalog.formatting import path_text
from catalog.store.models import Model, require_current_model

if TYPE_CHECKING:
    import numpy as np

VectorRow = tuple[int, int, "np.ndarray"]  # vector id, content id, float32 [D]


def export_vectors(context: CatalogContext, manifest: Path, vectors: Path | None) -> int:
    """Write the manifest (JSON lines: the model first, then one line per vector) and, if wanted, the vectors (`.npy`).

    The array is float16 [N, D]. Returns N. Each file appears complete or not at all. Raises StoreError if the catalog
    has no vectors, ResourceError if a file cannot be written.
    """
    model = require_current_model(context.database)
    with _atomic_file(manifest) as lines:
        bundle = serving_bundle(context.config, context.database)
        header = {"catalogd_manifest": 1, "dims": model.dims, "model": describe_bundle(bundle)}
        _write_line(lines, header | {"vectors": vectors.name if vectors else None})
        if vectors is None:
            return _write_rows(context, model, lines, None)
        with _atomic_file(vectors) as array:
            return _write_rows(context, model, lines, array)


def _write_rows(context: CatalogContext, model: Model, lines: IO[bytes], array: IO[bytes] | None) -> int:
    rows = 0
    if array is not None:
        array.write(_npy_header(0, model.dims))
    for vector_id, content, vector in _vector_rows(context, model):
        sha256 = context.database.value("SELECT hex(sha256) FROM content WHERE id = ?", content)
        paths = [path_text(entry.path) for entry in files_with_content(context.database, content)]
        if not paths:  # all of its files are on a dropped root
            continue
        _write_line(lines, {"row": rows, "vector": vector_id, "sha256": sha256.lower(), "paths": paths})
        if array is not None:
            array.write(vector.astype("<f2").tobytes())
        rows += 1
    if array is not None:
        array.seek(0)
        array.write(_npy_header(rows, model.dims))
    return rows


def _vector_rows(context: CatalogContext, model: Model) -> Iterator[VectorRow]:
    from catalog.store.vectors import live_vector_blocks

    for ids, contents, vectors in live_vector_blocks(context.database, model.id, model.dims):
        yield from zip(ids.tolist(), contents.tolist(), vectors, strict=True)


def _npy_header(rows: int, dims: int) -> bytes:
    """Return a header in NumPy's format 1.0 (NEP 1), equally long for any number of rows: it is overwritten later."""
    description = f"{{'descr': '<f2', 'fortran_order': False, 'shape': ({rows}, {dims}), }}"
    return b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + description.ljust(117).encode() + b"\n"


def _write_line(lines: IO[bytes], value: dict[str, Any]) -> None:
    lines.write(json.dumps(value).encode() + b"\n")


@contextmanager
def _atomic_file(path: Path) -> Iterator[IO[bytes]]:
    draft = path.with_name(path.name + ".new")
    try:
        with resource_errors(f"cannot write {path}", "Name another file, or free some space."):
            with draft.open("wb") as file:
                yield file
            os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
