"""Merge an index answer with the changes the index has not applied yet, so that no answer omits a vector.

An index that has reached `seq` in the change log holds every live row that has not changed since; a row that changed
has a greater seq. So the rows after `seq` are compared exactly, and replace the index's hits for the same contents.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from catalog.errors import StoreError
from catalog.store.change_log import current_timeline
from catalog.store.database import Database
from catalog.store.vectors import BLOCK_ROWS, Floats, VectorChange, cosines_to, unpack_vectors, vector_changes_after

# Changes to compare with one query, about 10 ms; with more of them the client scans all vectors instead.
MAX_TAIL_CHANGES = BLOCK_ROWS
REMEDY = "Use the `catalog` command: it compares the stored vectors until the index has caught up."

Hit = tuple[int, float]  # content id, cosine


class IndexAnswer(NamedTuple):
    """The hits, best first, as of the change `seq` on the branch `timeline` of the change log."""

    hits: list[Hit]
    seq: int
    timeline: str


def complete_answer(
    database: Database, model: int, reached: int, found: Sequence[tuple[int, float]], query: Floats, k: int
) -> IndexAnswer | None:
    """Return the k live contents nearest to `query` (float32 [D], unit length), or all of them if there are fewer.

    Returns None if `found` has too few of the index's neighbours to answer. `found`: (vector id, cosine), best first.
    `reached`: a seq that the index had reached before it was queried; it may have applied later changes too. Raises
    StoreError if the index is too far behind.
    """
    with database.snapshot():
        tail = vector_changes_after(database, model, reached, MAX_TAIL_CHANGES)
        if len(tail) >= MAX_TAIL_CHANGES:
            raise StoreError(f"the index has yet to apply {MAX_TAIL_CHANGES:,} changes or more", REMEDY)
        changed = {change.content for change in tail}
        contents = _content_ids(database, model, [id for id, _ in found])
        unchanged = [(contents[id], cosine) for id, cosine in found if id in contents and contents[id] not in changed]
        added = [change for change in tail if change.live]
        if len(unchanged) < k and len(unchanged) < min(k, _live_count(database, model, k + len(added)) - len(added)):
            return None
        seq, timeline = tail[-1].seq if tail else reached, current_timeline(database)
    hits = sorted([*unchanged, *_exact_hits(added, query)], key=_cosine, reverse=True)
    return IndexAnswer(hits[:k], seq, timeline)


def _cosine(hit: Hit) -> float:
    _, cosine = hit
    return cosine


def _exact_hits(changes: list[VectorChange], query: Floats) -> list[Hit]:
    if not changes:
        return []
    cosines = cosines_to(unpack_vectors([change.data for change in changes], len(query)), query)
    return list(zip([change.content for change in changes], cosines.tolist(), strict=True))


def _content_ids(database: Database, model: int, ids: list[int]) -> dict[int, int]:
    marks = ",".join("?" * len(ids))
    rows: list[Any] = database.rows(  # NOT INDEXED: use the rowid alone; vector_live would add a look-up per row
        f"SELECT id, content FROM vector NOT INDEXED WHERE model = ? AND live = 1 AND id IN ({marks})", model, *ids
    )
    return dict(rows)


def _live_count(database: Database, model: int, limit: int) -> int:
    """Count the model's live vectors, up to `limit`."""
    counted = "SELECT count(*) FROM (SELECT 1 FROM vector WHERE model = ? AND live = 1 LIMIT ?)"
    return int(database.value(counted, model, limit))
