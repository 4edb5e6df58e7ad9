"""Which labels would teach most: pictures of which the head knows least, and each unlike the others."""

import numpy as np
from numpy.typing import NDArray

from catalog.context import CatalogContext
from catalog.files.queries import FileEntry, files_with_content
from catalog.heads.stored_head import require_head
from catalog.store.models import current_model
from catalog.store.vectors import unpack_vectors

Floats = NDArray[np.float32]
POOL_FACTOR = 20  # times as many uncertain ones as are wanted, to choose different ones from
UNCERTAIN_SQL = (
    "SELECT s.content, s.p_delete, v.data FROM score s JOIN vector v ON v.content = s.content AND v.model = ?"
    " JOIN content c ON c.id = s.content WHERE s.head = ? AND c.refs > 0"
    " AND NOT EXISTS (SELECT 1 FROM label l WHERE l.content = s.content)"
    " ORDER BY abs(s.p_delete - ?) LIMIT ?"
)


def most_informative(asking: CatalogContext, count: int) -> list[tuple[FileEntry, float]]:
    """(file, p_delete), the most telling first. Raises UsageFault without a head."""
    kept, model = require_head(asking.database), current_model(asking.database)
    if model is None:
        return []
    middle = (kept.head.keep_below + kept.head.delete_above) / 2
    rows = asking.database.rows(UNCERTAIN_SQL, model.id, kept.id, middle, POOL_FACTOR * count)
    chosen = farthest_first(unpack_vectors([row[2] for row in rows], model.dims), count) if rows else []
    found = []
    for place in chosen:
        files = [entry for entry in files_with_content(asking.database, rows[place][0]) if entry.state == "ok"]
        if files:
            found.append((files[0], float(rows[place][1])))
    return found


def farthest_first(vectors: Floats, count: int) -> list[int]:
    """Places of `count` vectors that are far from one another, the first one first (Gonzalez 1985, farthest first).

    float32 [N, D], unit length. Pure.
    """
    if not len(vectors):
        return []
    chosen = [0]
    nearest = vectors @ vectors[0]
    while len(chosen) < min(count, len(vectors)):
        place = int(np.argmin(nearest))
        chosen.append(place)
        nearest = np.maximum(nearest, vectors @ vectors[place])
        nearest[chosen] = np.inf
    return chosen
