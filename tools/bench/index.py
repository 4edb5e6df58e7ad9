"""The index beside the exact search: recall, rates, times. Prints ratios; absolute figures are the machine's.

python -m tools.bench.index --count 100000 --dims 256
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from catalog.similarity import index_file as snapshot
from catalog.similarity.index import VectorIndex
from catalog.store.change_log import begin_timeline
from catalog.store.database import Database
from catalog.store.vectors import Floats, exact_nearest_each, pack_vectors
from daemon.followers.index import IndexFollower

BATCH = 10_000
NEIGHBOURS_ASKED = 10


def clustered_vectors(count: int, dims: int, seed: int = 0) -> Iterator[Floats]:
    """Unit vectors in clusters, as pictures are: float32 [up to BATCH, dims] at a time."""
    chance = np.random.default_rng(seed)
    centres = np.random.default_rng(1).normal(size=(max(count // 50, 1), dims)).astype(np.float32)
    for start in range(0, count, BATCH):
        size = min(BATCH, count - start)
        made = centres[chance.integers(len(centres), size=size)]
        made = made + chance.normal(size=(size, dims)).astype(np.float32) * np.float32(0.7)
        yield made / np.linalg.norm(made, axis=1, keepdims=True)


def make_catalog(folder: Path, count: int, dims: int) -> Database:
    """A catalog of that many contents and live vectors."""
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


def timed(act: Callable[[], object]) -> float:
    """Seconds that one call takes."""
    began = time.perf_counter()
    act()
    return time.perf_counter() - began


def read_vectors(database: Database) -> None:
    """The least that an exact search must do: fetch every live vector's bytes."""
    after = 0
    query = "SELECT id, data FROM vector NOT INDEXED WHERE model = 1 AND live = 1 AND id > ? ORDER BY id LIMIT 8192"
    while rows := database.rows(query, after):
        after = rows[-1][0]


def follow_change_log(follower: IndexFollower) -> None:
    """All of the change log."""
    while follower.step():
        pass


def recall(database: Database, index: VectorIndex, queries: Floats, ef: int) -> float:
    """The share of the exact nearest that the index finds."""
    exact = exact_nearest_each(database, 1, index.dims, queries, NEIGHBOURS_ASKED)
    found, _ = index.query(queries, NEIGHBOURS_ASKED, ef)
    shared = [
        len({hit[0] for hit in true} & set(row)) / NEIGHBOURS_ASKED
        for true, row in zip(exact, found.tolist(), strict=True)
    ]
    return statistics.mean(shared)


def measure_exact(database: Database, dims: int, queries: Floats) -> float:
    """The search without an index. Returns the seconds of one query."""
    read, exact = (
        min(timed(lambda act=act: act()) for _ in range(3))  # type: ignore[misc]
        for act in (
            lambda: read_vectors(database),
            lambda: exact_nearest_each(database, 1, dims, queries[:1], NEIGHBOURS_ASKED),
        )
    )
    print(f"exact query         {exact * 1e3:10.1f} ms   {exact / read:.2f} x only reading the vectors")
    each = timed(lambda: exact_nearest_each(database, 1, dims, queries[:32], NEIGHBOURS_ASKED)) / 32
    print(f"32 exact together   {each * 1e3:10.1f} ms   {each / exact:.2f} x one alone, each")
    return exact


def measure_index(
    database: Database, folder: Path, count: int, dims: int, threads: int, queries: Floats, exact: float
) -> None:
    """The follower, from an empty index to a loaded snapshot; `exact` is what one exact query takes."""
    follower = IndexFollower(folder / "catalog.db", folder, 1, "bench", dims, threads=threads)
    follower.start()
    began = time.process_time()
    took = timed(lambda: follow_change_log(follower))
    cpu = time.process_time() - began
    print(f"follow              {count / took:10.0f} /s   {threads} thread(s), {count / cpu:.0f} a second of one core")
    times = sorted(timed(lambda query=query: follower.search(query, NEIGHBOURS_ASKED)) for query in queries)  # type: ignore[misc]
    middle = statistics.median(times)
    print(f"search p50          {middle * 1e3:10.2f} ms   1/{exact / middle:.0f} of the exact query")
    print(f"search p99          {times[int(len(times) * 0.99)] * 1e3:10.2f} ms")
    save = timed(follower.save)
    header = snapshot.read_header(folder, "bench")
    assert header is not None
    print(f"save                {save:10.2f} s    {header.bytes / count:.0f} bytes a vector")
    load = timed(lambda: snapshot.load_snapshot(folder, "bench", dims))
    print(f"load                {load:10.2f} s    1/{took / load:.0f} of building it")
    for ef in (50, 100, 200):
        print(f"recall@{NEIGHBOURS_ASKED} ef={ef:<4}    {recall(database, follower._current, queries[:100], ef):10.4f}")


def main() -> None:
    """Parse the arguments and measure in a directory that is removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--dims", type=int, default=256)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--exact-only", action="store_true", help="leave the index out: it takes far longer to build")
    parser.add_argument("--folder", type=Path, help="where to put the catalog; the temporary directory if not given")
    given = parser.parse_args()
    queries = next(clustered_vectors(300, given.dims, seed=7))
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        database = make_catalog(folder, given.count, given.dims)
        exact = measure_exact(database, given.dims, queries)
        if not given.exact_only:
            measure_index(database, folder, given.count, given.dims, given.threads, queries, exact)


if __name__ == "__main__":
    main()
