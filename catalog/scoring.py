"""Scores follow the change log: what has a vector gets p_delete, by the head in use, block by block."""

from typing import NamedTuple

from catalog.db import Database
from catalog.features import describe, remember
from catalog.heads import Kept, in_use

BLOCK = 8192

# Up to the end of a seq: a cut within one would lose the rest of it for ever.
ROWS = (
    "SELECT v.content, v.data, c.traits, v.seq, v.live FROM vector v JOIN content c ON c.id = v.content"
    " WHERE v.model = ? AND v.seq > ? ORDER BY v.seq LIMIT ?"
)
REST = (
    "SELECT v.content, v.data, c.traits, v.seq, v.live FROM vector v JOIN content c ON c.id = v.content"
    " WHERE v.model = ? AND v.seq = ?"
)


class Scored(NamedTuple):
    """`scores`: (content, head, p_delete). `seq`: the change log is scored up to there, by `head`."""

    head: int
    seq: int
    scores: list[tuple[int, int, float]]
    fresh: list[tuple[bytes, int]]


def next_block(database: Database, kept: Kept, dims: int) -> Scored | None:
    """Score what follows in the change log; None where there is nothing. Reads only."""
    rows = database.rows(ROWS, kept.model, kept.seq, BLOCK)
    if not rows:
        return None
    last = rows[-1][3]
    if len(rows) == BLOCK:
        rows = [row for row in rows if row[3] != last] + database.rows(REST, kept.model, last)
    living = [(content, data, told) for content, data, told, _, live in rows if live]
    if not living:
        return Scored(kept.id, last, [], [])
    described = describe(database, living, dims)
    chances = kept.head.chances(described.vectors, described.traits)
    scores = [(content, kept.id, p) for content, p in zip(described.contents, chances.tolist(), strict=True)]
    return Scored(kept.id, last, scores, described.fresh)


def record(database: Database, scored: Scored) -> None:
    """Write a block down, unless another head has come into use meanwhile. In a transaction."""
    if not database.run(
        "UPDATE head SET seq = ? WHERE id = ? AND role = 'current' AND seq < ?", scored.seq, scored.head, scored.seq
    ):
        return
    remember(database, scored.fresh)
    database.many(
        "INSERT INTO score(content, head, p_delete) VALUES (?, ?, ?)"
        " ON CONFLICT DO UPDATE SET head = excluded.head, p_delete = excluded.p_delete",
        scored.scores,
    )


def lag(database: Database) -> int:
    """Entries of the change log that the head in use has not scored."""
    kept = in_use(database)
    if kept is None:
        return 0
    last = database.value("SELECT coalesce(max(seq), 0) FROM vector WHERE model = ?", kept.model)
    return max(0, int(last) - kept.seq)


def catch_up(database: Database) -> int:
    """Score all that is owed, in short transactions; returns how many contents. For a command without a service."""
    count = 0
    while (kept := in_use(database)) is not None:
        dims = len(kept.head.weights) - len(kept.head.features)
        scored = next_block(database, kept, dims)
        if scored is None:
            break
        with database.transaction():
            record(database, scored)
        count += len(scored.scores)
    return count
