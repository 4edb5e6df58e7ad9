"""The stored vectors: packing, streaming, and the exact search that needs no index.

A vector is stored as float16 (little-endian, unit length): half the bytes, and a cosine wrong by less than 0.001.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.store.database import Database

BLOCK_ROWS = 8192  # rows a read: 4 MiB of float16 at 256 dimensions, and a cursor open for some 10 ms

Floats = NDArray[np.float32]
Integers = NDArray[np.int64]
Hit = tuple[int, int, float]

# Sign and mantissa of a float16 moved into place as an integer, the exponent's bias (127 - 15) as a factor.
# Exact for every finite value, and five times as fast as numpy's own conversion, which goes value by value.
_FLOAT_MASK = np.int32(-0x70000001)  # clears what the sign extension left in bits 28 to 30
_BIAS_FACTOR = np.float32(2.0**112)


class VectorChange(NamedTuple):
    """The last state of one vector row. `data` is its float16 vector."""

    id: int
    content: int
    seq: int
    live: bool
    data: bytes


def pack_vectors(vectors: Floats) -> list[bytes]:
    """float32 [N, D] → N rows of D little-endian float16."""
    halves = np.ascontiguousarray(vectors, dtype="<f2")
    return [row.tobytes() for row in halves]


def unpack_vectors(rows: Sequence[bytes], dims: int) -> Floats:
    """N packed rows → float32 [N, D]. Finite values only.

    Raises:
        ValueError: the rows are not of `dims` values each.
    """
    joined = b"".join(rows)
    if len(joined) != 2 * dims * len(rows):
        raise ValueError(f"stored vectors are not of {dims} dimensions")
    wide = np.frombuffer(joined, dtype="<i2").astype(np.int32)
    wide <<= 13
    wide &= _FLOAT_MASK
    floats = wide.view(np.float32)
    floats *= _BIAS_FACTOR
    return floats.reshape(len(rows), dims)


def live_vector_blocks(database: Database, model: int, dims: int) -> Iterator[tuple[Integers, Integers, Floats]]:
    """Yields (vector ids int64 [B], content ids int64 [B], vectors float32 [B, D]) of all live rows, by rising id.

    Each block is a query of its own: one long cursor would keep the WAL from being trimmed. NOT INDEXED because
    the index on (model, seq) would tempt the planner to sort all the rows anew for each block.
    """
    after = 0
    while True:
        rows = database.rows(
            "SELECT id, content, data FROM vector NOT INDEXED"
            " WHERE model = ? AND live = 1 AND id > ? ORDER BY id LIMIT ?",
            model,
            after,
            BLOCK_ROWS,
        )
        if not rows:
            return
        ids, contents, data = zip(*rows, strict=True)
        yield np.array(ids, np.int64), np.array(contents, np.int64), unpack_vectors(data, dims)
        after = ids[-1]


def cosines_to(vectors: Floats, query: Floats) -> Floats:
    """float32 [N, D], float32 [D], all of unit length → float32 [N].

    Not a matrix product: it wakes all of BLAS's threads, which wait for cores that the service is using.
    """
    cosines: Floats = np.minimum(np.vecdot(vectors, query), 1.0)
    return cosines


def exact_nearest_each(database: Database, model: int, dims: int, queries: Floats, k: int) -> list[list[Hit]]:
    """For each of the queries (float32 [Q, D], unit length) its `nearest`, in one pass over the stored vectors."""
    best: list[list[Hit]] = [[] for _ in queries]
    for ids, contents, vectors in live_vector_blocks(database, model, dims):
        for at, query in enumerate(queries):
            row = cosines_to(vectors, query)
            top = np.argpartition(-row, k)[:k] if len(row) > k else np.arange(len(row))
            found = zip(ids[top].tolist(), contents[top].tolist(), row[top].tolist(), strict=True)
            best[at] = sorted([*best[at], *found], key=lambda hit: (-hit[2], hit[0]))[:k]
    return best


def exact_nearest(database: Database, model: int, dims: int, query: Floats, k: int) -> list[Hit]:
    """The k live vectors of the greatest cosine to the query (float32 [D], unit length), exactly, best first.

    Returns (vector id, content id, cosine). Reads every live vector, block by block; equal cosines by rising id.
    """
    return exact_nearest_each(database, model, dims, query.reshape(1, dims), k)[0]


def exact_ranking(database: Database, model: int, dims: int, query: Floats) -> Iterator[tuple[int, float]]:
    """Yields (content id, cosine) of every live vector, best first; equal cosines by rising vector id."""
    contents, cosines = [np.empty(0, np.int64)], [np.empty(0, np.float32)]
    for _, block, vectors in live_vector_blocks(database, model, dims):
        contents.append(block)
        cosines.append(cosines_to(vectors, query))
    which, by = np.concatenate(contents), np.concatenate(cosines)
    order = np.argsort(-by, kind="stable")
    return zip(map(int, which[order]), map(float, by[order]), strict=True)


def vector_changes_after(database: Database, model: int, after_seq: int, limit: int) -> list[VectorChange]:
    """Rows of the change log after `after_seq`, oldest first: about `limit`, and never a part of one seq.

    One transaction may have turned many rows under one seq; a cut among them would lose the rest for ever.
    """
    query = "SELECT id, content, seq, live, data FROM vector WHERE model = ? AND "
    rows = database.rows(query + "seq > ? ORDER BY seq, id LIMIT ?", model, after_seq, limit)
    if len(rows) == limit:
        last, last_id = rows[-1][2], rows[-1][0]
        rows += database.rows(query + "seq = ? AND id > ? ORDER BY id", model, last, last_id)
    return [VectorChange(id, content, seq, bool(live), data) for id, content, seq, live, data in rows]
