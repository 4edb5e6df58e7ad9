"""Scores that had to do without their names' vectors, and the making of those, a few at a time.

Every score is given at once, and marked where the head wants a name's vector that nobody has made yet: a text tower may
take a tenth of a second for each, and a million of them a day. A kill loses nothing: the mark stands until a score was
given with that vector, and a vector that is stored is found.
"""

from typing import NamedTuple

from catalog.embedding.features import describe
from catalog.heads.name_vectors import known, stored
from catalog.heads.scoring import Scores, score, store
from catalog.heads.stored_head import Kept
from catalog.store.database import Database

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
