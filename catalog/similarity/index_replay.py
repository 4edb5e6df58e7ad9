"""Bring an index up to date: load its snapshot if it is valid, then replay the change log."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from catalog.similarity.index import VectorIndex
from catalog.similarity.index_file import SnapshotHeader, load_snapshot
from catalog.store.change_log import last_seq, timeline_contains
from catalog.store.database import Database
from catalog.store.vectors import VectorChange, unpack_vectors, vector_changes_after


class OpenedIndex(NamedTuple):
    """An index and the last change it contains. `header`: its snapshot's; `reason`: why no snapshot was usable."""

    vector_index: VectorIndex
    seq: int
    header: SnapshotHeader | None
    reason: str | None


def open_index(database: Database, folder: Path, model: int, digest: str, dims: int, threads: int = 1) -> OpenedIndex:
    """Return the saved index if it is intact and belongs to this catalog, else an empty one at seq 0."""
    snapshot = load_snapshot(folder, digest, dims, threads)
    if isinstance(snapshot, str):
        return OpenedIndex(VectorIndex(dims, threads), 0, None, snapshot)
    index, header = snapshot
    if header.seq > last_seq(database, model) or not timeline_contains(database, header.timeline, header.seq):
        return OpenedIndex(VectorIndex(dims, threads), 0, None, "it was made from another catalog")
    return OpenedIndex(index, header.seq, header, None)


def apply_changes(index: VectorIndex, changes: list[VectorChange]) -> None:
    """Apply the changes to the index. Idempotent."""
    if not changes:
        return
    removed = np.array([change.id for change in changes if not change.live], np.int64)
    live = [change for change in changes if change.live]
    index.remove(removed)
    ids = np.array([change.id for change in live], np.int64)
    index.add(ids, unpack_vectors([change.data for change in live], index.dims))


def advance(index: VectorIndex, database: Database, model: int, after: int, limit: int) -> tuple[int, int]:
    """Apply about `limit` changes after seq `after`; return (the last seq applied, the number of changes)."""
    changes = vector_changes_after(database, model, after, limit)
    apply_changes(index, changes)
    return (changes[-1].seq if changes else after), len(changes)
