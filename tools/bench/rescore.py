"""Time a new head over a catalog: every vector streamed, scored and written down, beside the bare matrix product.

    python -m tools.bench.rescore [--vectors 1000000] [--dims 512]

"product" reads the same vectors in the same blocks and multiplies them by the same weights, and writes nothing;
"rescore" is a head of one weight a feature, "network" one with a hidden layer. Each runs in a process of its own, which
tells its peak of memory and its processor time. The catalog is made first, in a temporary folder (1.2 kB a vector), and
takes longer than any of them.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from catalog.heads.scoring import score_remaining
from catalog.heads.stored_head import activate_head, store_head
from catalog.store.database import Database
from catalog.store.models import current_model
from catalog.store.vectors import live_vector_blocks, pack_vectors
from models.learn.file_features import FILE_FEATURES
from models.learn.head import Head
from models.learn.mlp import HIDDEN_UNITS, HiddenLayer

BATCH = 5000


def fill_catalog(path: Path, vectors: int, dims: int) -> None:
    """A catalog of random unit vectors, never scored."""
    dice = np.random.default_rng(0)
    database = Database(path, write=True)
    database.run("INSERT INTO model VALUES (1, 'bench', 'bench', ?, 'none', 1.0, 0.0, 'current', NULL)", dims)
    for start in range(0, vectors, BATCH):
        count = min(BATCH, vectors - start)
        ids = range(start + 1, start + count + 1)
        rows = dice.normal(size=(count, dims)).astype(np.float32)
        packed = pack_vectors(rows / np.linalg.norm(rows, axis=1, keepdims=True))
        traits = dice.normal(size=(count, len(FILE_FEATURES))).astype("<f2")
        with database.transaction():
            database.many(
                "INSERT INTO content(id, sha256, bytes, refs, traits) VALUES (?, ?, 1, 1, ?)",
                [(i, i.to_bytes(32, "big"), row.tobytes()) for i, row in zip(ids, traits, strict=True)],
            )
            database.many(
                "INSERT INTO vector VALUES (?, ?, 1, ?, 1, ?)", [(i, i, i, d) for i, d in zip(ids, packed, strict=True)]
            )
    database.shrink_log()
    database.close()


def activate_random_head(path: Path, dims: int, units: int) -> None:
    """Put a new head to use; a network of so many units, or a line for 0."""
    dice = np.random.default_rng(1)
    hidden = HiddenLayer(*dice.normal(size=(2, units)).astype(np.float32)) if units else None
    weights = dice.normal(size=(dims + len(FILE_FEATURES), *([units] if units else []))).astype(np.float32)
    database = Database(path, write=True)
    model = current_model(database)
    assert model is not None
    with database.transaction():
        activate_head(
            database,
            store_head(
                database, model, Head("bench", FILE_FEATURES, weights, 0.0, 0.0, 1.0, 0.1, 0.9, {}, hidden), 0.0
            ),
        )
    database.close()


def score_all(path: Path) -> int:
    """What the service does when a new head comes into use."""
    database = Database(path, write=True)
    return score_remaining(database)


def multiply_all(path: Path, dims: int) -> int:
    """The least that could be done: read every vector, multiply."""
    database = Database(path, write=False)
    weights = np.random.default_rng(0).normal(size=dims).astype(np.float32)
    return sum(len(vectors @ weights) for _, _, vectors in live_vector_blocks(database, 1, dims))


def measure_in_process(what: str, path: Path, dims: int) -> dict[str, float]:
    """One measurement in its own process: seconds, rows, peak of resident memory in MB."""
    command = [
        sys.executable,
        "-m",
        "tools.bench.rescore",
        "--alone",
        what,
        "--catalog",
        str(path),
        "--dims",
        str(dims),
    ]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def main() -> None:
    """Print them, and how many bare products each takes."""
    parser = argparse.ArgumentParser(description="A new head over every vector, beside the bare matrix product.")
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--dims", type=int, default=512)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    parser.add_argument("--catalog", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone:
        started = time.perf_counter()
        rows = multiply_all(given.catalog, given.dims) if given.alone == "product" else score_all(given.catalog)
        seconds = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_SELF)
        told = {"processor": used.ru_utime + used.ru_stime, "megabytes": used.ru_maxrss / 1000}
        print(json.dumps({"seconds": seconds, "rows": rows, **told}))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.db"
        fill_catalog(path, given.vectors, given.dims)
        found = {"product": measure_in_process("product", path, given.dims)}
        for name, units in (("rescore", 0), ("network", HIDDEN_UNITS)):
            activate_random_head(path, given.dims, units)
            found[name] = measure_in_process(name, path, given.dims)
    bare = found["product"]["seconds"]
    for name, one in found.items():
        print(
            f"{name:<8} {one['rows']:,.0f} vectors {one['seconds']:6.2f} s {one['rows'] / one['seconds']:10,.0f}/s"
            f" {one['processor']:6.2f} s of processors {one['megabytes']:6.0f} MB {one['seconds'] / bare:6.2f} products"
        )


if __name__ == "__main__":
    main()
