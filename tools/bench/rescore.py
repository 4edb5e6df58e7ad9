"""Time a new head over a catalog: stream every vector, score it and store the score, against the bare matrix product.

    python -m tools.bench.rescore [--vectors 1000000] [--dims 512]

"product" reads the same vectors in the same blocks, multiplies them by as many weights, and writes nothing;
"rescore" is a linear head, "network" one with a hidden layer. Each runs in its own process, which reports its peak
memory and its CPU time. The catalog is made first, in a temporary folder (1.2 kB per vector), and takes longer than
any of them.
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
    """Write a catalog of random unit vectors without scores."""
    rng = np.random.default_rng(0)
    database = Database(path, write=True)
    database.run("INSERT INTO model VALUES (1, 'bench', 'bench', ?, 'none', 1.0, 0.0, 'current', NULL)", dims)
    for start in range(0, vectors, BATCH):
        count = min(BATCH, vectors - start)
        ids = range(start + 1, start + count + 1)
        rows = rng.normal(size=(count, dims)).astype(np.float32)
        packed = pack_vectors(rows / np.linalg.norm(rows, axis=1, keepdims=True))
        traits = rng.normal(size=(count, len(FILE_FEATURES))).astype("<f2")
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
    """Store and activate a head with random weights: linear for 0 `units`, else a network with a hidden layer."""
    rng = np.random.default_rng(1)
    hidden = HiddenLayer(*rng.normal(size=(2, units)).astype(np.float32)) if units else None
    weights = rng.normal(size=(dims + len(FILE_FEATURES), *([units] if units else []))).astype(np.float32)
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
    """Score all vectors, as the service does with a new head; return how many."""
    database = Database(path, write=True)
    return score_remaining(database)


def multiply_all(path: Path, dims: int) -> int:
    """Read and multiply all vectors, the minimum of any scoring; return how many."""
    database = Database(path, write=False)
    weights = np.random.default_rng(0).normal(size=dims).astype(np.float32)
    return sum(len(vectors @ weights) for _, _, vectors in live_vector_blocks(database, 1, dims))


def measure_in_process(name: str, path: Path, dims: int) -> dict[str, float]:
    """Run one measurement in its own process; return seconds, rows, CPU seconds and peak resident MB."""
    command = [sys.executable, "-m", "tools.bench.rescore", "--dims", str(dims)]
    command += ["--alone", name, "--catalog", str(path)]
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))


def main() -> None:
    """Print the figures, and each time as a multiple of the bare product."""
    parser = argparse.ArgumentParser(description="A new head over every vector, against the bare matrix product.")
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--dims", type=int, default=512)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    parser.add_argument("--catalog", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        started = time.perf_counter()
        rows = multiply_all(options.catalog, options.dims) if options.alone == "product" else score_all(options.catalog)
        seconds = time.perf_counter() - started
        used = resource.getrusage(resource.RUSAGE_SELF)
        cpu_seconds = used.ru_utime + used.ru_stime
        megabytes = used.ru_maxrss / 1000
        print(json.dumps({"seconds": seconds, "rows": rows, "processor": cpu_seconds, "megabytes": megabytes}))
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "catalog.db"
        fill_catalog(path, options.vectors, options.dims)
        figures = {"product": measure_in_process("product", path, options.dims)}
        for name, units in (("rescore", 0), ("network", HIDDEN_UNITS)):
            activate_random_head(path, options.dims, units)
            figures[name] = measure_in_process(name, path, options.dims)
    bare = figures["product"]["seconds"]
    for name, figure in figures.items():
        count, seconds = figure["rows"], figure["seconds"]
        print(
            f"{name:<8} {count:,.0f} vectors {seconds:6.2f} s {count / seconds:10,.0f}/s"
            f" {figure['processor']:6.2f} s CPU {figure['megabytes']:6.0f} MB {seconds / bare:6.2f} products"
        )


if __name__ == "__main__":
    main()
