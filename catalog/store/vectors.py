"""Stored vectors: packing, streaming, and exact search without an index.

Vectors are stored as little-endian float16 of unit length: half the bytes, for an error of less than 0.001 in a cosine.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.store.database import Database

BLOCK_ROWS = 8192  # 4 MiB of float16 at 256 dimensions; the cursor is open for about 10 ms

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]

# Sign and mantissa of a float16 moved into place as an integer, the exponent's bias (127 - 15) as a factor.
# Exact for every finite value, and five times as fast as numpy's own conversion, which converts value by value.
_FLOAT_MASK = np.int32(-0x70000001)  # clears what the sign extension left in bits 28 to 30
_BIAS_FACTOR = np.float32(2.0**112)


class VectorHit(NamedTuple):
    """A search result. `id`: of the vector."""

    id: int
    content: int
    cosine: float


class VectorChange(NamedTuple):
    """The latest state of a vector row. `data`: packed float16."""

    id: int
    content: int
    seq: int
    live: bool
    data: bytes


def pack_vectors(vectors: Floats) -> list[bytes]:
    """Pack float32 [N, D] into N rows of D little-endian float16."""
    halves = np.ascontiguousarray(vectors, dtype="<f2")
    return [row.tobytes() for row in halves]


def unpack_vectors(rows: Sequence[bytes], dims: int) -> Floats:
    """Unpack N rows of finite values into float32 [N, D].

    A row of another length, which only damage leaves, becomes zeros: it is like nothing, and its reader goes on with
    the other rows. `catalog check` lists it.
    """
    size = 2 * dims
    if any(len(row) != size for row in rows):
        rows = [row if len(row) == size else bytes(size) for row in rows]
    joined = b"".join(rows)
    wide = np.frombuffer(joined, dtype="<i2").astype(np.int32)
    wide <<= 13
    wide &= _FLOAT_MASK
    floats = wide.view(np.float32)
    floats *= _BIAS_FACTOR
    return floats.reshape(len(rows), dims)


def live_vector_blocks(database: Database, model: int, dims: int) -> Iterator[tuple[Integers, Integers, Floats]]:
    """Yield (vector ids int64 [B], content ids int64 [B], vectors float32 [B, D]) of all live rows, by ascending id.

    Each block is a separate query: one long cursor would keep the WAL from being trimmed. NOT INDEXED because with
    the index on (model, seq) the planner would sort all rows for every block.
    """
    after = 0
    while True:
        rows = database.rows(
            "SELECT id, content, data FROM vector NOT INDEXED"
            " WHERE model = ? AND live = 1 AND id > ? ORDER BY id LIMIT ?",
            *(model, after, BLOCK_ROWS),
        )
        if not rows:
            return
        ids, contents, data = zip(*rows, strict=True)
        yield np.array(ids, np.int64), np.array(contents, np.int64), unpack_vectors(data, dims)
        after = ids[-1]


def cosines_to(vectors: Floats, query: Floats) -> Floats:
    """Return the cosines, float32 [N], of vectors (float32 [N, D]) to a query (float32 [D]), all of unit length.

    Not a matrix product: that would start all BLAS threads, which compete with the service for cores.
    """
    cosines: Floats = np.minimum(np.vecdot(vectors, query), 1.0)
    return cosines


def exact_nearest_each(database: Database, model: int, dims: int, queries: Floats, k: int) -> list[list[VectorHit]]:
    """Return, for each query (float32 [Q, D], unit length), the k live vectors with the highest cosine, best first.

    One pass over the stored vectors, block by block. Equal cosines come by ascending id.
    """
    best: list[list[VectorHit]] = [[] for _ in queries]
    for ids, contents, vectors in live_vector_blocks(database, model, dims):
        for number, query in enumerate(queries):
            cosines = cosines_to(vectors, query)
            top = np.argpartition(-cosines, k)[:k] if len(cosines) > k else np.arange(len(cosines))
            hits = map(VectorHit, ids[top].tolist(), contents[top].tolist(), cosines[top].tolist())
            best[number] = sorted([*best[number], *hits], key=lambda hit: (-hit.cosine, hit.id))[:k]
    return best


def exact_ranking(database: Database, model: int, dims: int, query: Floats) -> Iterator[tuple[int, float]]:
    """Yield (content id, cosine) of every live vector, best first; equal cosines by ascending vector id."""
    contents, cosines = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for _, block, vectors in live_vector_blocks(database, model, dims):
        contents.append(block)
        cosines.append(cosines_to(vectors, query))
    all_contents, all_cosines = np.concatenate(contents), np.concatenate(cosines)
    order = np.argsort(-all_cosines, kind="stable")
    return zip(map(int, all_contents[order]), map(float, all_cosines[order]), strict=True)


def vector_changes_after(database: Database, model: int, after_seq: int, limit: int) -> list[VectorChange]:
    """Return rows of the change log after `after_seq`, oldest first: about `limit`, and all rows of each seq.

    One transaction may change many rows under one seq; a follower that got only some would never see the rest.
    """
    query = "SELECT id, content, seq, live, data FROM vector WHERE model = ? AND "
    changes = _vector_changes(database, query + "seq > ? ORDER BY seq, id LIMIT ?", model, after_seq, limit)
    if len(changes) == limit:
        last = changes[-1]
        changes += _vector_changes(database, query + "seq = ? AND id > ? ORDER BY id", model, last.seq, last.id)
    return changes


def _vector_changes(database: Database, sql: str, *values: object) -> list[VectorChange]:
    return [
        VectorChange(id_, content, seq, bool(live), data)
        for id_, content, seq, live, data in database.rows(sql, *values)
    ]
