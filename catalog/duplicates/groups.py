"""Find duplicates: files with the same bytes, and files with nearly the same image."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from catalog.choices.not_duplicates import not_duplicates_of
from catalog.duplicates.best_copy import CopyRank, FileCopy, copy_rank
from catalog.duplicates.clustering import StarCluster, clusters_of_pairs, clusters_of_vectors
from catalog.duplicates.copies import NOT_GONE_STATES, copies_by_content, distinct_names
from catalog.duplicates.index_pairs import NearPairFinder, load_current_index
from catalog.errors import UsageError
from catalog.store.database import Database
from catalog.store.vectors import Integers, live_vector_blocks
from models.decode.reason import RejectReason

MAX_EXACT_VECTORS = 30_000  # up to here, computing all cosines takes seconds; above, the index is used

# Files that are no images: two `.nomedia` are no duplicates.
NO_IMAGES = (RejectReason.EMPTY, RejectReason.NOT_IMAGE, RejectReason.WRONG_TYPE)
EXACT_GROUPS_SQL = (
    "SELECT c.id, c.bytes * (count(DISTINCT d.volume || ':' || f.inode) - 1) AS wasted"
    " FROM content c JOIN file f ON f.content = c.id AND f.state != 'gone'"
    " JOIN directory d ON d.id = f.directory WHERE c.refs >= 2 AND c.bytes > 0 GROUP BY c.id"
    " HAVING max(f.state = 'ok' OR (f.state = 'rejected' AND f.reason NOT IN (?, ?, ?)))"
    " ORDER BY wasted DESC, c.id"
)


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Files that show the same image. `paths`: the one to keep first, the others by falling preference.

    `cosine`: the lowest one between the kept content and another, None for exact copies. `bytes_freed`: by deleting
    all but the kept file. `links`: those of the paths that are hard links of an earlier one, and free nothing.
    `permanent`: False if all of the files, including the one to keep, are in temporary storage such as a recycle bin.
    """

    kind: Literal["exact", "near"]
    paths: list[bytes]
    keep: bytes
    cosine: float | None
    bytes_freed: int
    permanent: bool = True
    links: tuple[bytes, ...] = ()

    @property
    def file_count(self) -> int:
        """Number of files; several hard links are one."""
        return len(self.paths) - len(self.links)


def exact_duplicates(database: Database) -> Iterator[DuplicateGroup]:
    """Yield the contents of two or more images that are not gone, by wasted bytes, most first."""
    rows = database.rows(EXACT_GROUPS_SQL, *NO_IMAGES)
    for found in copies_by_content(database, [content for content, _ in rows], NOT_GONE_STATES):
        for candidates in map(distinct_names, found.values()):
            if len(candidates) >= 2:  # one may have been deleted meanwhile, or two paths lead to one file
                yield _duplicate_group("exact", candidates, None)


def near_duplicates(
    database: Database, model: int, threshold: float, state: Path, max_exact: int = MAX_EXACT_VECTORS
) -> Iterator[DuplicateGroup]:
    """Yield groups of contents whose cosine to the kept one is at least `threshold`, by wasted bytes, most first.

    `model`: a model's row id. `state`: the directory with the index snapshot, which is used above `max_exact` vectors.
    Groups list all ok files of their contents. See `catalog.duplicates.clustering` for how they are formed. Raises
    UsageError if there is no such model, or the threshold is not above 0 and at most 1.
    """
    row = database.row("SELECT digest, dims FROM model WHERE id = ?", model)
    if row is None:
        raise UsageError("near duplicates need vectors, and no model has made any", "Run `catalogd --once` first.")
    if not 0.0 < threshold <= 1.0:
        raise UsageError(f"{threshold} is not a valid threshold for near duplicates", "Use one above 0 and at most 1.")
    digest, dims = row
    counted = "SELECT count(*) FROM (SELECT 1 FROM vector WHERE model = ? LIMIT ?)"
    if database.value(counted, model, max_exact + 1) <= max_exact:
        clusters = _clusters_by_products(database, model, dims, threshold)
    else:
        index = load_current_index(database, state, model, digest, dims)
        clusters = _clusters_by_index(database, NearPairFinder(database, model, index, threshold))
    groups = (_near_group(database, cluster) for cluster in clusters)
    yield from sorted((group for group in groups if group), key=lambda group: (-group.bytes_freed, group.keep))


def _clusters_by_products(database: Database, model: int, dims: int, threshold: float) -> Iterator[StarCluster]:
    """Yield star clusters of content ids."""
    contents, vectors = np.empty(0, np.int64), np.empty((0, dims), np.float32)
    blocks = list(live_vector_blocks(database, model, dims))
    if blocks:
        _, content_blocks, vector_blocks = zip(*blocks, strict=True)
        contents, vectors = np.concatenate(content_blocks), np.concatenate(vector_blocks)
    order = _preference_order(database, contents)
    ordered = contents[order].tolist()
    for cluster in clusters_of_vectors(vectors[order], threshold):
        members = [ordered[member] for member in cluster.members]
        yield StarCluster(ordered[cluster.centre], members, cluster.min_cosine)


def _clusters_by_index(database: Database, finder: NearPairFinder) -> Iterator[StarCluster]:
    """Yield star clusters of content ids."""
    pairs = finder.pairs()
    ids = np.unique(pairs.left)
    order = ids[_preference_order(database, finder.contents(ids))]
    for cluster in clusters_of_pairs(pairs, order, finder.more_neighbours):
        centre, *members = finder.contents(np.array([cluster.centre, *cluster.members], np.int64)).tolist()
        yield StarCluster(centre, members, cluster.min_cosine)


def _preference_order(database: Database, contents: Integers) -> Integers:
    """Return indices into `contents` (int64 [N]), best copy first. Contents without an ok file are omitted."""
    ranks: dict[int, CopyRank] = {}
    for found in copies_by_content(database, contents.tolist()):
        ranks.update((content, min(map(copy_rank, candidates))) for content, candidates in found.items())
    indices = [index for index, content in enumerate(contents.tolist()) if content in ranks]
    return np.array(sorted(indices, key=lambda index: ranks[int(contents[index])]), np.int64)


def _near_group(database: Database, cluster: StarCluster) -> DuplicateGroup | None:
    copies: dict[int, list[FileCopy]] = {}
    excluded = not_duplicates_of(database, cluster.centre)
    members = [member for member in cluster.members if member not in excluded]
    for part in copies_by_content(database, [cluster.centre, *members]):
        copies.update(part)
    if cluster.centre not in copies or len(copies) < 2:  # deleted meanwhile
        return None
    candidates = distinct_names(candidate for candidates in copies.values() for candidate in candidates)
    return _duplicate_group("near", candidates, cluster.min_cosine)


def _duplicate_group(
    kind: Literal["exact", "near"], candidates: list[FileCopy], cosine: float | None
) -> DuplicateGroup:
    ordered = sorted(candidates, key=copy_rank)
    files: dict[tuple[int, int], FileCopy] = {}
    for candidate in ordered:
        files.setdefault(candidate.inode_key, candidate)
    kept, *others = files.values()
    links = tuple(candidate.path for candidate in ordered if files[candidate.inode_key] is not candidate)
    freed = sum(candidate.bytes for candidate in others)
    paths = [candidate.path for candidate in ordered]
    return DuplicateGroup(kind, paths, kept.path, cosine, freed, not kept.transient, links)
