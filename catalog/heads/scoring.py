"""Score contents with the head in use: the change log block by block, and again once a name has its vector.

Every content is scored at once. If the head uses file names, and the name's vector is not stored yet, the score is
recorded as made without it (table `bare`): a text tower may take a tenth of a second per name, and there may be a
million a day. A kill loses nothing: the record stays until the content was scored with the vector, and a stored vector
is found again.
"""

from typing import NamedTuple

from catalog.embedding.features import ComputedFeatures, FeatureBatch, load_features, store_features
from catalog.heads.name_vectors import load_name_vectors, name_texts, stored_name_texts, stored_name_vectors
from catalog.heads.stored_head import StoredHead, scoring_head
from catalog.store.change_log import last_seq
from catalog.store.database import Database

BLOCK_ROWS = 8192
NAMES_PER_STEP = 8  # names embedded in one step: under a second for a base model on two cores
SCORES_PER_STEP = 1024  # scores without a name vector that one step looks at
CHUNK_CONTENTS = 500  # contents rescored in one step

# Always all rows of a seq: a block that ended within one would lose the rest for ever.
LOG_ROWS_SQL = (
    "SELECT v.content, v.data, c.traits, v.seq, v.live FROM vector v JOIN content c ON c.id = v.content"
    " WHERE v.model = ? AND v.seq"
)
STORE_SCORE_SQL = (
    "INSERT INTO score(content, head, p_delete) VALUES (?, ?, ?)"
    " ON CONFLICT DO UPDATE SET head = excluded.head, p_delete = excluded.p_delete"
)
# Newest first: these are what the owner looks for. CROSS JOIN keeps the order of the tables: the planner would go
# through all vectors of the model, and sort.
WITHOUT_NAME_SQL = (
    "SELECT b.content FROM bare b CROSS JOIN vector v ON v.content = b.content AND v.model = ?"
    " ORDER BY b.content DESC LIMIT ?"
)
ROWS_OF_CONTENTS_SQL = (
    "SELECT v.content, v.data, c.traits FROM vector v JOIN content c ON c.id = v.content"
    " WHERE v.model = ? AND v.content IN ({marks})"
)


class Scores(NamedTuple):
    """`rows`: (content, head, p_delete). If the head uses names, `with_name` and `without_name` are the contents scored
    with and without their name's vector.
    """

    rows: list[tuple[int, int, float]]
    with_name: list[tuple[int]]
    without_name: list[tuple[int]]


class ScoredBlock(NamedTuple):
    """A block of the change log, scored by `head` up to `seq`. `computed`: file features to be stored."""

    head: int
    seq: int
    scores: Scores
    computed: list[ComputedFeatures]


class NameStep(NamedTuple):
    """`scores`: made again with name vectors that are stored by now. `missing_names`: a few names to embed."""

    scores: Scores | None
    missing_names: list[str]


def score_next_block(database: Database, stored: StoredHead) -> ScoredBlock | None:
    """Score the next block of the change log; return None at its end. Reads only, and never waits for a name vector."""
    rows = database.rows(f"{LOG_ROWS_SQL} > ? ORDER BY v.seq LIMIT ?", stored.model, stored.seq, BLOCK_ROWS)
    if not rows:
        return None
    *_, last, _ = rows[-1]
    if len(rows) == BLOCK_ROWS:
        rows = [(*content, seq, live) for *content, seq, live in rows if seq != last]
        rows += database.rows(f"{LOG_ROWS_SQL} = ?", stored.model, last)
    live_rows = [(content, vector, features) for content, vector, features, _, live in rows if live]
    if not live_rows:
        return ScoredBlock(stored.id, last, Scores([], [], []), [])
    batch = load_features(database, live_rows, stored.head.dims)
    return ScoredBlock(stored.id, last, score_batch(database, stored, batch), batch.fresh)


def score_batch(database: Database, stored: StoredHead, batch: FeatureBatch) -> Scores:
    """Score contents with the name vectors that are stored. Reads only."""
    parts = [batch.vectors, batch.traits]
    with_name: list[tuple[int]] = []
    without_name: list[tuple[int]] = []
    if stored.tower.id:
        names = load_name_vectors(database, stored.tower, name_texts(database, batch))
        parts.append(names.vectors)
        for content, missing in zip(batch.contents, names.missing.tolist(), strict=True):
            (without_name if missing else with_name).append((content,))
    p_delete = stored.head.p_delete(*parts)
    rows = [(content, stored.id, p) for content, p in zip(batch.contents, p_delete.tolist(), strict=True)]
    return Scores(rows, with_name, without_name)


def record_block(database: Database, block: ScoredBlock) -> None:
    """Store a scored block, unless another head has been activated since. In a transaction."""
    if not database.run(
        "UPDATE head SET seq = ? WHERE id = ? AND role = 'current' AND seq < ?", block.seq, block.head, block.seq
    ):
        return
    store_features(database, block.computed)
    _store_scores(database, block.scores)


def record_scores(database: Database, head: int, scores: Scores) -> None:
    """Store scores, unless another head has been activated since. In a transaction."""
    if database.row("SELECT 1 FROM head WHERE id = ? AND role = 'current'", head) is not None:
        _store_scores(database, scores)


def _store_scores(database: Database, scores: Scores) -> None:
    database.many(STORE_SCORE_SQL, scores.rows)
    database.many("DELETE FROM bare WHERE content = ?", scores.with_name)
    database.many("INSERT OR IGNORE INTO bare VALUES (?)", scores.without_name)


def scoring_lag(database: Database) -> int:
    """Return how many entries of the change log the head in use has not scored."""
    stored = scoring_head(database)
    return 0 if stored is None else max(0, last_seq(database, stored.model) - stored.seq)


def score_remaining(database: Database) -> int:
    """Score the rest of the change log in short transactions; return the number of contents. For a command, while no
    service is running.
    """
    count = 0
    while (stored := scoring_head(database)) is not None:
        block = score_next_block(database, stored)
        if block is None:
            break
        with database.transaction():
            record_block(database, block)
        count += len(block.scores.rows)
    return count


def next_name_step(database: Database, stored: StoredHead) -> NameStep | None:
    """Return what to do next for scores without a name vector; None if there are none. Reads only."""
    contents = _contents_without_name(database, stored, SCORES_PER_STEP)
    if not contents:
        return None
    texts = stored_name_texts(database, contents)
    vectors = stored_name_vectors(database, stored.tower, texts.values())
    ready = [content for content in contents if texts[content] in vectors][:CHUNK_CONTENTS]
    missing = dict.fromkeys(texts[content] for content in contents if texts[content] not in vectors)
    return NameStep(_rescore(database, stored, ready), list(missing)[:NAMES_PER_STEP])


def has_scores_without_name(database: Database, stored: StoredHead) -> bool:
    """Return whether any content was scored without its name's vector."""
    return bool(_contents_without_name(database, stored, 1))


def _contents_without_name(database: Database, stored: StoredHead, limit: int) -> list[int]:
    if not stored.tower.id:
        return []
    return [content for (content,) in database.rows(WITHOUT_NAME_SQL, stored.model, limit)]


def _rescore(database: Database, stored: StoredHead, contents: list[int]) -> Scores | None:
    if not contents:
        return None
    rows = database.rows(ROWS_OF_CONTENTS_SQL.format(marks=",".join("?" * len(contents))), stored.model, *contents)
    return score_batch(database, stored, load_features(database, rows, stored.head.dims))
