"""Bring an index up to the catalog: the snapshot where it can be trusted, then the change log."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from catalog.similarity.index import VectorIndex
from catalog.similarity.index_file import LoadedSnapshot, SnapshotHeader, load_snapshot
from catalog.store.change_log import timeline_contains
from catalog.store.database import Database
from catalog.store.vectors import VectorChange, unpack_vectors, vector_changes_after


class OpenedIndex(NamedTuple):
    """An index, the place in the change log it reaches, its snapshot's header, or why it starts from nothing."""

    neighbours: VectorIndex
    seq: int
    header: SnapshotHeader | None
    why: str | None


def open_index(database: Database, folder: Path, model: int, digest: str, dims: int, threads: int = 1) -> OpenedIndex:
    """The saved index if it is sound and was made from this very catalog, else an empty one at seq 0."""
    found = load_snapshot(folder, digest, dims, threads)
    if not isinstance(found, LoadedSnapshot):
        return OpenedIndex(VectorIndex(dims, threads), 0, None, found.why)
    index, header = found
    if header.seq > last_seq(database, model) or not timeline_contains(database, header.timeline, header.seq):
        return OpenedIndex(VectorIndex(dims, threads), 0, None, "it was made from another catalog")
    return OpenedIndex(index, header.seq, header, None)


def last_seq(database: Database, model: int) -> int:
    """The end of this model's change log."""
    return int(database.value("SELECT max(seq) FROM vector WHERE model = ?", model) or 0)


def apply_changes(index: VectorIndex, changes: list[VectorChange]) -> None:
    """Bring the changes into the index. Applying one again changes nothing."""
    if not changes:
        return
    dead = np.array([change.id for change in changes if not change.live], np.int64)
    alive = [change for change in changes if change.live]
    index.remove(dead)
    ids = np.array([change.id for change in alive], np.int64)
    index.add(ids, unpack_vectors([change.data for change in alive], index.dims))


def advance(index: VectorIndex, database: Database, model: int, after: int, limit: int) -> tuple[int, int]:
    """Apply about `limit` changes after seq `after`. Returns (the seq reached, how many changes)."""
    changes = vector_changes_after(database, model, after, limit)
    apply_changes(index, changes)
    return (changes[-1].seq if changes else after), len(changes)
