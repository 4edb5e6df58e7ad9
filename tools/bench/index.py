"""Compare the index with the exact search: recall, rates and times, with ratios that depend less on the machine.

python -m tools.bench.index --count 100000 --dims 256
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np

from catalog.similarity import index_file as snapshot
from catalog.similarity.index import VectorIndex
from catalog.store.change_log import begin_timeline
from catalog.store.database import Database
from catalog.store.vectors import Floats, exact_nearest_each, pack_vectors
from daemon.followers.index import IndexFollower
from tools.bench.harness import percentile_99, wall_seconds

BATCH = 10_000
NEIGHBOURS = 10


def clustered_vectors(count: int, dims: int, seed: int = 0) -> Iterator[Floats]:
    """Yield clustered unit vectors, float32 [BATCH or fewer, dims]."""
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(1).normal(size=(max(count // 50, 1), dims)).astype(np.float32)
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        vectors = centres[rng.integers(len(centres), size=size)]
        vectors = vectors + rng.normal(size=(size, dims)).astype(np.float32) * np.float32(0.7)
        yield vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def make_catalog(folder: Path, count: int, dims: int) -> Database:
    """Create a catalog of `count` contents with live vectors."""
    database = Database(folder / "catalog.db", write=True)
    begin_timeline(database, "bench", 0.0)
    database.run("INSERT INTO model VALUES (1, 'bench', 'bench', ?, 'none', 1.0, 0.0, 'current', NULL)", dims)
    at = 0
    for vectors in clustered_vectors(count, dims):
        ids = range(at + 1, at + len(vectors) + 1)
        with database.transaction():
            database.many(
                "INSERT INTO content(id, sha256, bytes, refs) VALUES (?, ?, 1, 1)",
                ((id, id.to_bytes(32, "big")) for id in ids),
            )
            database.many(
                "INSERT INTO vector VALUES (?, ?, 1, ?, 1, ?)",
                ((id, id, id, data) for id, data in zip(ids, pack_vectors(vectors), strict=True)),
            )
        at += len(vectors)
    database.run("UPDATE clock SET seq = ?", at)
    return database


def read_vectors(database: Database) -> None:
    """Fetch the bytes of every live vector, the minimum of any exact search."""
    last = 0
    query = "SELECT id, data FROM vector NOT INDEXED WHERE model = 1 AND live = 1 AND id > ? ORDER BY id LIMIT 8192"
    while rows := database.rows(query, last):
        last, _ = rows[-1]


def follow_change_log(follower: IndexFollower) -> None:
    """Process the whole change log."""
    while follower.step():
        pass


def recall(database: Database, index: VectorIndex, queries: Floats, ef: int) -> float:
    """Return the share of the exact nearest vectors that the index finds."""
    exact = exact_nearest_each(database, 1, index.dims, queries, NEIGHBOURS)
    found, _ = index.query(queries, NEIGHBOURS, ef)
    return statistics.mean(
        len({hit.id for hit in true} & set(row)) / NEIGHBOURS for true, row in zip(exact, found.tolist(), strict=True)
    )


def measure_exact(database: Database, dims: int, queries: Floats) -> float:
    """Measure the search without an index; return the seconds of one query."""
    read, exact = (
        min(wall_seconds(act) for _ in range(3))
        for act in (
            lambda: read_vectors(database),
            lambda: exact_nearest_each(database, 1, dims, queries[:1], NEIGHBOURS),
        )
    )
    print(f"exact query         {exact * 1e3:10.1f} ms   {exact / read:.2f} x only reading the vectors")
    each = wall_seconds(lambda: exact_nearest_each(database, 1, dims, queries[:32], NEIGHBOURS)) / 32
    print(f"32 exact together   {each * 1e3:10.1f} ms   {each / exact:.2f} x a single one, each")
    return exact


def measure_index(
    database: Database, folder: Path, count: int, dims: int, threads: int, queries: Floats, exact: float
) -> None:
    """Measure the follower, from an empty index to a loaded snapshot. `exact`: seconds of one exact query."""
    follower = IndexFollower(folder / "catalog.db", folder, 1, "bench", dims, threads=threads)
    follower.start()
    started = time.process_time()
    elapsed = wall_seconds(lambda: follow_change_log(follower))
    cpu = time.process_time() - started
    print(f"follow              {count / elapsed:10.0f} /s   {threads} thread(s), {count / cpu:.0f}/s of one core")
    times = sorted(wall_seconds(partial(follower.search, query, NEIGHBOURS)) for query in queries)
    median = statistics.median(times)
    print(f"search p50          {median * 1e3:10.2f} ms   1/{exact / median:.0f} of the exact query")
    print(f"search p99          {percentile_99(times) * 1e3:10.2f} ms")
    save = wall_seconds(follower.save)
    header = snapshot.read_header(folder, "bench")
    assert header is not None
    print(f"save                {save:10.2f} s    {header.bytes / count:.0f} bytes per vector")
    load = wall_seconds(lambda: snapshot.load_snapshot(folder, "bench", dims))
    print(f"load                {load:10.2f} s    1/{elapsed / load:.0f} of building it")
    for ef in (50, 100, 200):
        print(f"recall@{NEIGHBOURS} ef={ef:<4}    {recall(database, follower._current, queries[:100], ef):10.4f}")


def main() -> None:
    """Measure in a temporary directory and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--dims", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--exact-only", action="store_true", help="without the index, which takes far longer to build")
    parser.add_argument("--folder", type=Path, help="directory for the catalog (default: the temporary directory)")
    options = parser.parse_args()
    queries = next(clustered_vectors(300, options.dims, seed=7))
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        database = make_catalog(folder, options.count, options.dims)
        exact = measure_exact(database, options.dims, queries)
        if not options.exact_only:
            measure_index(database, folder, options.count, options.dims, options.threads, queries, exact)


if __name__ == "__main__":
    main()
