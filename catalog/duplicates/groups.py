"""Duplicates: files of the same bytes, and files of nearly the same picture."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from catalog.choices.not_duplicates import not_duplicates_of
from catalog.duplicates.best_copy import CopyRank, FileCopy, best_copy, copy_rank
from catalog.duplicates.clustering import StarCluster, clusters_of_pairs, clusters_of_vectors
from catalog.duplicates.copies import NOT_GONE_STATES, copies_by_content
from catalog.duplicates.index_pairs import NearPairFinder, load_current_index
from catalog.errors import UsageError
from catalog.store.database import Database
from catalog.store.vectors import Integers, live_vector_blocks

MAX_EXACT_VECTORS = 30_000  # vectors: up to here all products take seconds; above, the index is asked


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Files that show the same. `paths`: the one to keep first, the rest by falling preference.

    `cosine`: the least one between the kept content and another, None for exact copies. `bytes_freed`: what
    deleting all but the kept frees; hard links to it free nothing. `stays`: False where all of them lie where files do
    not stay, the kept one too.
    """

    kind: Literal["exact", "near"]
    paths: list[bytes]
    keep: bytes
    cosine: float | None
    bytes_freed: int
    stays: bool = True


def exact_duplicates(database: Database) -> Iterator[DuplicateGroup]:
    """Contents held by two or more files that are not gone, by the bytes they waste, most first."""
    rows = database.rows(
        "SELECT c.id, c.bytes * (count(DISTINCT d.volume || ':' || f.inode) - 1) AS wasted"
        " FROM content c JOIN file f ON f.content = c.id AND f.state != 'gone'"
        " JOIN directory d ON d.id = f.directory"
        " WHERE c.refs >= 2 GROUP BY c.id ORDER BY wasted DESC, c.id"
    )
    for found in copies_by_content(database, [row[0] for row in rows], NOT_GONE_STATES):
        for candidates in found.values():
            if len(candidates) >= 2:  # one may have gone since
                yield _duplicate_group("exact", candidates, None)


def near_duplicates(
    database: Database, model: int, threshold: float, state: Path, enough: int = MAX_EXACT_VECTORS
) -> Iterator[DuplicateGroup]:
    """Groups of contents whose cosine to the kept one is `threshold` or more, by the bytes they waste, most first.

    `model` is the id of a model row; `state` the directory of the index snapshot, used above `enough` vectors.
    Only files that are ok are shown, all of each content. See `catalog.duplicates.clustering` for the rule of grouping.

    Raises:
        UsageFault: there is no such model, or the threshold is not above 0 and at most 1.
    """
    row = database.row("SELECT digest, dims FROM model WHERE id = ?", model)
    if row is None:
        raise UsageError("near duplicates need the vectors of a model, and there is none", "Run `catalogd --once`.")
    if not 0.0 < threshold <= 1.0:
        raise UsageError(f"{threshold} is no threshold for near duplicates", "Give one above 0, at most 1.")
    digest, dims = row
    few = "SELECT count(*) FROM (SELECT 1 FROM vector WHERE model = ? LIMIT ?)"
    if database.value(few, model, enough + 1) <= enough:
        stars = _clusters_by_products(database, model, dims, threshold)
    else:
        index = load_current_index(database, state, model, digest, dims)
        stars = _clusters_by_index(database, NearPairFinder(database, model, index, threshold))
    groups = (_near_group(database, star) for star in stars)
    yield from sorted((group for group in groups if group), key=lambda group: (-group.bytes_freed, group.keep))


def _clusters_by_products(database: Database, model: int, dims: int, threshold: float) -> Iterator[StarCluster]:
    """Stars of content ids."""
    blocks = list(live_vector_blocks(database, model, dims))
    contents = np.concatenate([np.empty(0, np.int64), *(block[1] for block in blocks)])
    vectors = np.concatenate([np.empty((0, dims), np.float32), *(block[2] for block in blocks)])
    order = _preference_order(database, contents)
    named = contents[order].tolist()
    for star in clusters_of_vectors(vectors[order], threshold):
        yield StarCluster(named[star.centre], [named[member] for member in star.members], star.cosine)


def _clusters_by_index(database: Database, copies: NearPairFinder) -> Iterator[StarCluster]:
    """Stars of content ids."""
    pairs = copies.pairs()
    ends = np.unique(pairs.left)
    contents = copies.contents(ends)
    for star in clusters_of_pairs(pairs, ends[_preference_order(database, contents)], copies.widen):
        centre, *members = copies.contents(np.array([star.centre, *star.members], np.int64)).tolist()
        yield StarCluster(centre, members, star.cosine)


def _preference_order(database: Database, contents: Integers) -> Integers:
    """Where in `contents` (int64 [N]) the one to keep first lies, and so on; contents without an ok file left out."""
    ranks: dict[int, CopyRank] = {}
    for found in copies_by_content(database, contents.tolist()):
        ranks.update((content, min(map(copy_rank, candidates))) for content, candidates in found.items())
    shown = [at for at, content in enumerate(contents.tolist()) if content in ranks]
    return np.array(sorted(shown, key=lambda at: ranks[int(contents[at])]), np.int64)


def _near_group(database: Database, star: StarCluster) -> DuplicateGroup | None:
    found: dict[int, list[FileCopy]] = {}
    strangers = not_duplicates_of(database, star.centre)
    for part in copies_by_content(database, [star.centre, *(one for one in star.members if one not in strangers)]):
        found.update(part)
    if star.centre not in found or len(found) < 2:  # gone since
        return None
    return _duplicate_group(
        "near", [candidate for candidates in found.values() for candidate in candidates], star.cosine
    )


def _duplicate_group(
    kind: Literal["exact", "near"], candidates: list[FileCopy], cosine: float | None
) -> DuplicateGroup:
    ordered = sorted(candidates, key=copy_rank)
    kept = best_copy(ordered)
    others = {candidate.place: candidate.bytes for candidate in ordered if candidate.place != kept.place}
    paths, freed = [candidate.path for candidate in ordered], sum(others.values())
    return DuplicateGroup(kind, paths, kept.path, cosine, freed, not kept.transient)
