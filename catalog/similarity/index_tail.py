"""Complete an answer of the index with the changes it has not applied yet, so that no answer lacks a vector silently.

An index that has reached the place `seq` of the change log holds every live row that has not changed since; a row that
changed has a greater seq. So the rows after `seq` are compared exactly, and replace what the index says of them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from catalog.errors import StoreError
from catalog.store.change_log import current_timeline
from catalog.store.database import Database
from catalog.store.vectors import BLOCK_ROWS, Floats, VectorChange, cosines_to, unpack_vectors, vector_changes_after

MAX_TAIL_CHANGES = (
    BLOCK_ROWS  # changes to compare with one query, about 10 ms; beyond it the asker makes one pass over all vectors
)
REMEDY = "Ask with the `catalog` command: it compares the stored vectors until the index has caught up."

Hit = tuple[int, float]


class IndexAnswer(NamedTuple):
    """`hits`: (content id, cosine), best first, as of the place `seq` of the change log, on its branch `timeline`."""

    hits: list[Hit]
    seq: int
    timeline: str


def complete_answer(
    database: Database, model: int, reached: int, found: Sequence[tuple[int, float]], query: Floats, k: int
) -> IndexAnswer | None:
    """Return the k live contents nearest to `query` (float32 [D], unit length), all of them where there are fewer, or
    None where that takes more of the index's neighbours than `found` has.

    `found`: (vector id, cosine) as the index gave them, best first. `reached`: a place in the change log that the index
    had reached before it was asked; it may have been further.

    Raises:
        StoreFault: the index is too far behind.
    """
    with database.snapshot():
        tail = vector_changes_after(database, model, reached, MAX_TAIL_CHANGES)
        if len(tail) >= MAX_TAIL_CHANGES:
            raise StoreError(f"the index has yet to apply {MAX_TAIL_CHANGES:,} changes or more", REMEDY)
        changed = {change.content for change in tail}
        contents = _content_ids(database, model, [id for id, _ in found])
        kept = [(contents[id], cosine) for id, cosine in found if id in contents and contents[id] not in changed]
        alive = [change for change in tail if change.live]
        if len(kept) < k and len(kept) < min(k, _live_count(database, model, k + len(alive)) - len(alive)):
            return None
        seq, timeline = tail[-1].seq if tail else reached, current_timeline(database)
    hits = sorted([*kept, *_exact_hits(alive, query)], key=lambda hit: -hit[1])
    return IndexAnswer(hits[:k], seq, timeline)


def _exact_hits(changes: list[VectorChange], query: Floats) -> list[Hit]:
    if not changes:
        return []
    cosines = cosines_to(unpack_vectors([change.data for change in changes], len(query)), query)
    return list(zip([change.content for change in changes], cosines.tolist(), strict=True))


def _content_ids(database: Database, model: int, ids: list[int]) -> dict[int, int]:
    marks = ",".join("?" * len(ids))
    rows: list[Any] = database.rows(  # NOT INDEXED: by rowid alone; vector_live would be a second look-up for each
        f"SELECT id, content FROM vector NOT INDEXED WHERE model = ? AND live = 1 AND id IN ({marks})", model, *ids
    )
    return dict(rows)


def _live_count(database: Database, model: int, enough: int) -> int:
    few = "SELECT count(*) FROM (SELECT 1 FROM vector WHERE model = ? AND live = 1 LIMIT ?)"
    return int(database.value(few, model, enough))
