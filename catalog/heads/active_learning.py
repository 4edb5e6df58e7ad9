"""Active learning: choose the images whose labels would improve the head most."""

import numpy as np

from catalog.files.queries import FileEntry, files_with_content, kept_content_sql
from catalog.heads.stored_head import require_head
from catalog.store.database import Database
from catalog.store.models import current_model
from catalog.store.vectors import Floats, unpack_vectors

POOL_FACTOR = 20  # uncertain images per requested one, so that different ones can be chosen
# Unlabelled contents, closest to the middle of the head's undecided range first.
UNCERTAIN_SQL = (
    "SELECT s.content, s.p_delete, v.data FROM score s JOIN vector v ON v.content = s.content AND v.model = ?"
    " JOIN content c ON c.id = s.content WHERE s.head = ? AND c.refs > 0"
    " AND NOT EXISTS (SELECT 1 FROM label l WHERE l.content = s.content){kept}"
    " ORDER BY abs(s.p_delete - ?) LIMIT ?"
)


def most_informative(database: Database, count: int) -> list[tuple[FileEntry, float]]:
    """Return up to `count` pairs (file, p_delete), the most informative first.

    They are the images that the head is least sure of, chosen to be unlike one another. Raises UsageError without a
    head.
    """
    stored, model = require_head(database), current_model(database)
    if model is None:
        return []
    middle = (stored.head.keep_below + stored.head.delete_above) / 2
    uncertain_sql = UNCERTAIN_SQL.format(kept=kept_content_sql(database, "s.content"))
    pool = database.rows(uncertain_sql, model.id, stored.id, middle, POOL_FACTOR * count)
    found = []
    for index in farthest_first(unpack_vectors([vector for _, _, vector in pool], model.dims), count):
        content, p_delete, _ = pool[index]
        files = [entry for entry in files_with_content(database, content) if entry.state == "ok"]
        if files:
            found.append((files[0], float(p_delete)))
    return found


def farthest_first(vectors: Floats, count: int) -> list[int]:
    """Return the indices of `count` vectors far from one another, starting with the first (Gonzalez 1985).

    `vectors`: float32 [N, D], unit length. Pure.
    """
    if not len(vectors):
        return []
    chosen = [0]
    nearest = vectors @ vectors[0]
    while len(chosen) < min(count, len(vectors)):
        farthest = int(np.argmin(nearest))
        chosen.append(farthest)
        nearest = np.maximum(nearest, vectors @ vectors[farthest])
        nearest[chosen] = np.inf
    return chosen
