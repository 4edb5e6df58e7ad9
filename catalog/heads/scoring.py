"""Scores follow the change log: what has a vector gets p_delete, by the head in use, block by block.

Scores that had to do without their names' vectors, and the making of those, a few at a time.

Every score is given at once, and marked where the head wants a name's vector that nobody has made yet: a text tower may
take a tenth of a second for each, and a million of them a day. A kill loses nothing: the mark stands until a score was
given with that vector, and a vector that is stored is found.
"""

from typing import NamedTuple

from catalog.embedding.features import ComputedFeatures, FeatureBatch, load_features, store_features
from catalog.heads.name_vectors import load_name_vectors, name_texts, stored_name_texts, stored_name_vectors
from catalog.heads.stored_head import StoredHead, scoring_head
from catalog.store.database import Database

BLOCK_ROWS = 8192

# Up to the end of a seq: a cut within one would lose the rest of it for ever.
NEXT_ROWS_SQL = (
    "SELECT v.content, v.data, c.traits, v.seq, v.live FROM vector v JOIN content c ON c.id = v.content"
    " WHERE v.model = ? AND v.seq > ? ORDER BY v.seq LIMIT ?"
)
ROWS_OF_SEQ_SQL = (
    "SELECT v.content, v.data, c.traits, v.seq, v.live FROM vector v JOIN content c ON c.id = v.content"
    " WHERE v.model = ? AND v.seq = ?"
)
STORE_SCORE_SQL = (
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


class ScoredBlock(NamedTuple):
    """`seq`: the change log is scored up to there, by `head`."""

    head: int
    seq: int
    scores: Scores
    fresh: list[ComputedFeatures]


def score_next_block(database: Database, kept: StoredHead) -> ScoredBlock | None:
    """Score what follows in the change log; None where there is nothing. Reads only: a name whose vector is not stored
    is not waited for (catalog.heads.scoring).
    """
    rows = database.rows(NEXT_ROWS_SQL, kept.model, kept.seq, BLOCK_ROWS)
    if not rows:
        return None
    last = rows[-1][3]
    if len(rows) == BLOCK_ROWS:
        rows = [row for row in rows if row[3] != last] + database.rows(ROWS_OF_SEQ_SQL, kept.model, last)
    living = [(content, data, told) for content, data, told, _, live in rows if live]
    if not living:
        return ScoredBlock(kept.id, last, Scores([], [], []), [])
    described = load_features(database, living, kept.head.dims)
    return ScoredBlock(kept.id, last, score_batch(database, kept, described), described.fresh)


def score_batch(database: Database, kept: StoredHead, described: FeatureBatch) -> Scores:
    """By a head, with the names' vectors that are stored. Reads only."""
    parts = [described.vectors, described.traits]
    full: list[tuple[int]] = []
    bare: list[tuple[int]] = []
    if kept.tower.id:
        named = load_name_vectors(database, kept.tower, name_texts(database, described))
        parts.append(named.vectors)
        for content, lacks in zip(described.contents, named.bare.tolist(), strict=True):
            (bare if lacks else full).append((content,))
    chances = kept.head.chances(*parts)
    given = [(content, kept.id, p) for content, p in zip(described.contents, chances.tolist(), strict=True)]
    return Scores(given, full, bare)


def record_block(database: Database, scored: ScoredBlock) -> None:
    """Write a block down, unless another head has come into use meanwhile. In a transaction."""
    if not database.run(
        "UPDATE head SET seq = ? WHERE id = ? AND role = 'current' AND seq < ?", scored.seq, scored.head, scored.seq
    ):
        return
    store_features(database, scored.fresh)
    store_scores(database, scored.scores)


def store_scores(database: Database, scores: Scores) -> None:
    """Write scores of the head in use down. In a transaction."""
    database.many(STORE_SCORE_SQL, scores.given)
    database.many("DELETE FROM bare WHERE content = ?", scores.full)
    database.many("INSERT OR IGNORE INTO bare VALUES (?)", scores.bare)


def scoring_lag(database: Database) -> int:
    """Entries of the change log that the head in use has not scored."""
    kept = scoring_head(database)
    if kept is None:
        return 0
    last = database.value("SELECT coalesce(max(seq), 0) FROM vector WHERE model = ?", kept.model)
    return max(0, int(last) - kept.seq)


def score_remaining(database: Database) -> int:
    """Score all that is owed, in short transactions; returns how many contents. For a command without a service."""
    count = 0
    while (kept := scoring_head(database)) is not None:
        scored = score_next_block(database, kept)
        if scored is None:
            break
        with database.transaction():
            record_block(database, scored)
        count += len(scored.scores.given)
    return count


NAMES_PER_STEP = 8  # names embedded at a time: under a second for a base model on two cores
SCORES_PER_STEP = 1024  # scores looked at for them

# Newest first: what has just come is what its owner looks for. CROSS JOIN keeps the order of the tables: the
# planner would go through all vectors of the model, and sort.
WITHOUT_NAME_SQL = (
    "SELECT b.content FROM bare b CROSS JOIN vector v ON v.content = b.content AND v.model = ?"
    " ORDER BY b.content DESC LIMIT ?"
)
ROWS_OF_CONTENTS_SQL = (
    "SELECT v.content, v.data, c.traits FROM vector v JOIN content c ON c.id = v.content"
    " WHERE v.model = ? AND v.content IN ({marks})"
)
CHUNK_CONTENTS = 500  # contents scored again at a time


class NameStep(NamedTuple):
    """`scores`: given again, now that their names' vectors are there. `words`: names that have none, a few of them."""

    scores: Scores | None
    words: list[str]


def next_name_step(database: Database, kept: StoredHead) -> NameStep | None:
    """What is to be done next for the names; None where nothing is. Reads only."""
    contents = _contents_without_name(database, kept, SCORES_PER_STEP)
    if not contents:
        return None
    says = stored_name_texts(database, contents)
    there = stored_name_vectors(database, kept.tower, says.values())
    ready = [content for content in contents if says[content] in there][:CHUNK_CONTENTS]
    lacking = dict.fromkeys(says[content] for content in contents if says[content] not in there)
    return NameStep(_score_again(database, kept, ready), list(lacking)[:NAMES_PER_STEP])


def has_scores_without_name(database: Database, kept: StoredHead) -> bool:
    """Whether any score waits for its name's vector."""
    return bool(_contents_without_name(database, kept, 1))


def record_scores(database: Database, head: int, scores: Scores) -> None:
    """Write scores down, unless another head has come into use meanwhile. In a transaction."""
    if database.row("SELECT 1 FROM head WHERE id = ? AND role = 'current'", head) is not None:
        store_scores(database, scores)


def _contents_without_name(database: Database, kept: StoredHead, most: int) -> list[int]:
    if not kept.tower.id:
        return []
    return [content for (content,) in database.rows(WITHOUT_NAME_SQL, kept.model, most)]


def _score_again(database: Database, kept: StoredHead, contents: list[int]) -> Scores | None:
    if not contents:
        return None
    rows = database.rows(ROWS_OF_CONTENTS_SQL.format(marks=",".join("?" * len(contents))), kept.model, *contents)
    return score_batch(database, kept, load_features(database, rows, kept.head.dims))
