"""Complete an answer of the index with the changes it has not applied yet, so that no answer lacks a vector silently.

An index that has reached the place `seq` of the change log holds every live row that has not changed since; a row that
changed has a greater seq. So the rows after `seq` are compared exactly, and replace what the index says of them.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from catalog.errors import StoreFault
from catalog.store.change_log import current
from catalog.store.database import Database
from catalog.store.vectors import BLOCK, Change, Floats, cosines_to, stream, unpack

MOST = BLOCK  # changes to compare with one query, about 10 ms; beyond it the asker makes one pass over all vectors
REMEDY = "Ask with the `catalog` command: it compares the stored vectors until the index has caught up."

Hit = tuple[int, float]


class Answer(NamedTuple):
    """`hits`: (content id, cosine), best first, as of the place `seq` of the change log, on its branch `timeline`."""

    hits: list[Hit]
    seq: int
    timeline: str


def complete(
    database: Database, model: int, reached: int, found: Sequence[tuple[int, float]], query: Floats, k: int
) -> Answer | None:
    """Return the k live contents nearest to `query` (float32 [D], unit length), all of them where there are fewer, or
    None where that takes more of the index's neighbours than `found` has.

    `found`: (vector id, cosine) as the index gave them, best first. `reached`: a place in the change log that the index
    had reached before it was asked; it may have been further.

    Raises:
        StoreFault: the index is too far behind.
    """
    with database.snapshot():
        tail = stream(database, model, reached, MOST)
        if len(tail) >= MOST:
            raise StoreFault(f"the index has yet to apply {MOST:,} changes or more", REMEDY)
        changed = {change.content for change in tail}
        contents = _contents(database, model, [id for id, _ in found])
        kept = [(contents[id], cosine) for id, cosine in found if id in contents and contents[id] not in changed]
        alive = [change for change in tail if change.live]
        if len(kept) < k and len(kept) < min(k, _live(database, model, k + len(alive)) - len(alive)):
            return None
        seq, timeline = tail[-1].seq if tail else reached, current(database)
    hits = sorted([*kept, *_compared(alive, query)], key=lambda hit: -hit[1])
    return Answer(hits[:k], seq, timeline)


def _compared(changes: list[Change], query: Floats) -> list[Hit]:
    if not changes:
        return []
    cosines = cosines_to(unpack([change.data for change in changes], len(query)), query)
    return list(zip([change.content for change in changes], cosines.tolist(), strict=True))


def _contents(database: Database, model: int, ids: list[int]) -> dict[int, int]:
    marks = ",".join("?" * len(ids))
    rows: list[Any] = database.rows(  # NOT INDEXED: by rowid alone; vector_live would be a second look-up for each
        f"SELECT id, content FROM vector NOT INDEXED WHERE model = ? AND live = 1 AND id IN ({marks})", model, *ids
    )
    return dict(rows)


def _live(database: Database, model: int, enough: int) -> int:
    few = "SELECT count(*) FROM (SELECT 1 FROM vector WHERE model = ? AND live = 1 LIMIT ?)"
    return int(database.value(few, model, enough))
