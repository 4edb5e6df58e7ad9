"""Scores follow the change log: what has a vector gets p_delete, by the head in use, block by block.

Scores that had to do without their names' vectors, and the making of those, a few at a time.

Every score is given at once, and marked where the head wants a name's vector that nobody has made yet: a text tower may
take a tenth of a second for each, and a million of them a day. A kill loses nothing: the mark stands until a score was
given with that vector, and a vector that is stored is found.
"""

from typing import NamedTuple

from catalog.embedding.features import Described, Fresh, describe, remember
from catalog.heads.name_vectors import known, names, phrases, stored
from catalog.heads.stored_head import Kept, in_use
from catalog.store.database import Database

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
STORE = (
    "INSERT INTO score(content, head, p_delete) VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET head = excluded.head, p_delete = excluded.p_delete"
)


class Scores(NamedTuple):
    """`given`: (content, head, p_delete). Of a head that wants names, `full` and `bare`: contents that were scored with
    the vectors of theirs, and those without.
    """

    given: list[tuple[int, int, float]]
    full: list[tuple[int]]
    bare: list[tuple[int]]


class Scored(NamedTuple):
    """`seq`: the change log is scored up to there, by `head`."""

    head: int
    seq: int
    scores: Scores
    fresh: list[Fresh]


def next_block(database: Database, kept: Kept) -> Scored | None:
    """Score what follows in the change log; None where there is nothing. Reads only: a name whose vector is not stored
    is not waited for (catalog.heads.scoring).
    """
    rows = database.rows(ROWS, kept.model, kept.seq, BLOCK)
    if not rows:
        return None
    last = rows[-1][3]
    if len(rows) == BLOCK:
        rows = [row for row in rows if row[3] != last] + database.rows(REST, kept.model, last)
    living = [(content, data, told) for content, data, told, _, live in rows if live]
    if not living:
        return Scored(kept.id, last, Scores([], [], []), [])
    described = describe(database, living, kept.head.dims)
    return Scored(kept.id, last, score(database, kept, described), described.fresh)


def score(database: Database, kept: Kept, described: Described) -> Scores:
    """By a head, with the names' vectors that are stored. Reads only."""
    parts = [described.vectors, described.traits]
    full: list[tuple[int]] = []
    bare: list[tuple[int]] = []
    if kept.tower.id:
        named = names(database, kept.tower, phrases(database, described))
        parts.append(named.vectors)
        for content, lacks in zip(described.contents, named.bare.tolist(), strict=True):
            (bare if lacks else full).append((content,))
    chances = kept.head.chances(*parts)
    given = [(content, kept.id, p) for content, p in zip(described.contents, chances.tolist(), strict=True)]
    return Scores(given, full, bare)


def record(database: Database, scored: Scored) -> None:
    """Write a block down, unless another head has come into use meanwhile. In a transaction."""
    if not database.run(
        "UPDATE head SET seq = ? WHERE id = ? AND role = 'current' AND seq < ?", scored.seq, scored.head, scored.seq
    ):
        return
    remember(database, scored.fresh)
    store(database, scored.scores)


def store(database: Database, scores: Scores) -> None:
    """Write scores of the head in use down. In a transaction."""
    database.many(STORE, scores.given)
    database.many("DELETE FROM bare WHERE content = ?", scores.full)
    database.many("INSERT OR IGNORE INTO bare VALUES (?)", scores.bare)


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
        scored = next_block(database, kept)
        if scored is None:
            break
        with database.transaction():
            record(database, scored)
        count += len(scored.scores.given)
    return count


STEP = 8  # names embedded at a time: under a second for a base model on two cores
LOOK = 1024  # scores looked at for them

# Newest first: what has just come is what its owner looks for. CROSS JOIN keeps the order of the tables: the
# planner would go through all vectors of the model, and sort.
WAITING = (
    "SELECT b.content FROM bare b CROSS JOIN vector v ON v.content = b.content AND v.model = ?"
    " ORDER BY b.content DESC LIMIT ?"
)
THESE = (
    "SELECT v.content, v.data, c.traits FROM vector v JOIN content c ON c.id = v.content"
    " WHERE v.model = ? AND v.content IN ({marks})"
)
PART = 500  # contents scored again at a time


class Unnamed(NamedTuple):
    """`scores`: given again, now that their names' vectors are there. `words`: names that have none, a few of them."""

    scores: Scores | None
    words: list[str]


def unnamed(database: Database, kept: Kept) -> Unnamed | None:
    """What is to be done next for the names; None where nothing is. Reads only."""
    contents = _waiting(database, kept, LOOK)
    if not contents:
        return None
    says = stored(database, contents)
    there = known(database, kept.tower, says.values())
    ready = [content for content in contents if says[content] in there][:PART]
    lacking = dict.fromkeys(says[content] for content in contents if says[content] not in there)
    return Unnamed(_again(database, kept, ready), list(lacking)[:STEP])


def waits(database: Database, kept: Kept) -> bool:
    """Whether any score waits for its name's vector."""
    return bool(_waiting(database, kept, 1))


def record_again(database: Database, head: int, scores: Scores) -> None:
    """Write scores down, unless another head has come into use meanwhile. In a transaction."""
    if database.row("SELECT 1 FROM head WHERE id = ? AND role = 'current'", head) is not None:
        store(database, scores)


def _waiting(database: Database, kept: Kept, most: int) -> list[int]:
    if not kept.tower.id:
        return []
    return [content for (content,) in database.rows(WAITING, kept.model, most)]


def _again(database: Database, kept: Kept, contents: list[int]) -> Scores | None:
    if not contents:
        return None
    rows = database.rows(THESE.format(marks=",".join("?" * len(contents))), kept.model, *contents)
    return score(database, kept, describe(database, rows, kept.head.dims))
