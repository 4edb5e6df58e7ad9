"""Bring an index up to the catalog: the snapshot where it can be trusted, then the change log."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from catalog.similarity.index import Neighbours
from catalog.similarity.index_file import Header, Loaded, load
from catalog.store.change_log import contains
from catalog.store.database import Database
from catalog.store.vectors import Change, stream, unpack


class Opened(NamedTuple):
    """An index, the place in the change log it reaches, its snapshot's header, or why it starts from nothing."""

    neighbours: Neighbours
    seq: int
    header: Header | None
    why: str | None


def open_index(database: Database, folder: Path, model: int, digest: str, dims: int, threads: int = 1) -> Opened:
    """The saved index if it is sound and was made from this very catalog, else an empty one at seq 0."""
    found = load(folder, digest, dims, threads)
    if not isinstance(found, Loaded):
        return Opened(Neighbours(dims, threads), 0, None, found.why)
    index, header = found
    if header.seq > last_seq(database, model) or not contains(database, header.timeline, header.seq):
        return Opened(Neighbours(dims, threads), 0, None, "it was made from another catalog")
    return Opened(index, header.seq, header, None)


def last_seq(database: Database, model: int) -> int:
    """The end of this model's change log."""
    return int(database.value("SELECT max(seq) FROM vector WHERE model = ?", model) or 0)


def apply(index: Neighbours, changes: list[Change]) -> None:
    """Bring the changes into the index. Applying one again changes nothing."""
    if not changes:
        return
    dead = np.array([change.id for change in changes if not change.live], np.int64)
    alive = [change for change in changes if change.live]
    index.remove(dead)
    ids = np.array([change.id for change in alive], np.int64)
    index.add(ids, unpack([change.data for change in alive], index.dims))


def advance(index: Neighbours, database: Database, model: int, after: int, limit: int) -> tuple[int, int]:
    """Apply about `limit` changes after seq `after`. Returns (the seq reached, how many changes)."""
    changes = stream(database, model, after, limit)
    apply(index, changes)
    return (changes[-1].seq if changes else after), len(changes)
