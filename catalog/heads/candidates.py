"""Deletion candidates: files ranked by how likely their owner is to delete them, each with the reasons."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.choices.not_duplicates import not_duplicates_of
from catalog.context import CatalogContext
from catalog.duplicates.best_copy import FileCopy, best_copy
from catalog.duplicates.copies import OK_STATES, copies_by_content, distinct_names
from catalog.duplicates.disk_layout import DiskLayout, disk_layout
from catalog.embedding.selection import serving_bundle
from catalog.formatting import path_text, printable_path
from catalog.heads.stored_head import require_head
from catalog.similarity.nearest import hits_per_vector
from catalog.store.database import Database
from catalog.store.models import Model, current_model
from catalog.store.vectors import Floats, unpack_vectors
from models.learn.file_features import path_words

if TYPE_CHECKING:
    from catalog.json_types.files import CandidateJson

BLURRED_BELOW = 0.7  # of `detail` (models.fit): sharp photos are above 1, those blurred by 3 pixels of 500 below 0.7
SMALL_MEGAPIXELS = 0.15
DELETED_SHARE = 0.6  # of the labelled neighbours, for "looks like" to be a reason
SCREENSHOT_WORDS = {"screenshot", "screenshots", "screen", "bildschirmfoto", "bildschirmfotos", "capture", "schermata"}
PAGE_ROWS = 200  # rows looked at together: without the service each page is a pass over all vectors
COPY_NEIGHBOURS = 12  # neighbours among which a better copy is looked for
LABELLED_NEIGHBOURS = 20
# Files labelled `keep` are left out. Those labelled `delete` come first: they only wait for the trash.
RANKED_SQL = (
    "SELECT s.content, s.p_delete, l.value, v.data, c.detail, c.suspect, c.format, c.width, c.height, c.camera"
    " FROM score s JOIN content c ON c.id = s.content JOIN vector v ON v.content = s.content AND v.model = ?"
    " LEFT JOIN label l ON l.content = s.content"
    " WHERE s.head = ? AND c.refs > 0 AND coalesce(l.value, '') != 'keep'"
    " ORDER BY coalesce(l.value, '') = 'delete' DESC, s.p_delete DESC, s.content LIMIT ? OFFSET ?"
)
LABELLED_VECTORS_SQL = "SELECT v.data, l.value FROM label l JOIN vector v ON v.content = l.content AND v.model = ?"


class RankedContent(NamedTuple):
    """A row of RANKED_SQL. `vector`: packed. `detail`: sharpness (models.fit)."""

    content: int
    p_delete: float
    label: str | None
    vector: bytes
    detail: float | None
    suspect: str | None
    format: str | None
    width: int | None
    height: int | None
    camera: str | None


class LabelledVectors(NamedTuple):
    """All labelled contents. `vectors`: float32 [N, D]. `deleted`: bool [N], those labelled `delete`."""

    vectors: Floats
    deleted: NDArray[np.bool_]


class NeighbourLabels(NamedTuple):
    """How many of the `total` nearest labelled images are labelled `delete`."""

    deleted: int
    total: int


class ReviewFiles(NamedTuple):
    """The readable files of a content, the one to show first, and the path of a better copy elsewhere, if any."""

    files: tuple[FileCopy, ...]
    better: bytes | None


@dataclass(frozen=True, slots=True)
class DeletionCandidate:
    """A content to review, with its files. `decision` of the head: delete, unsure or keep."""

    content: int
    p_delete: float
    decision: str
    reasons: tuple[str, ...]
    files: tuple[FileCopy, ...]
    better: bytes | None

    def record(self) -> "CandidateJson":
        """Return the object that `candidates --json` prints; its path is that of the first file."""
        first, *copies = self.files
        return {
            "path": path_text(first.path),
            "p_delete": round(self.p_delete, 6),
            "word": self.decision,
            "why": list(self.reasons),
            "bytes": first.bytes,
            "copies": [path_text(file.path) for file in copies],
            "better": None if self.better is None else path_text(self.better),
        }


def deletion_candidates(context: CatalogContext, count: int, min_p_delete: float = 0.0) -> Iterator[DeletionCandidate]:
    """Yield the `count` most likely candidates with a p_delete of at least `min_p_delete`, or labelled `delete`.

    The best of a group of near duplicates is left out. Raises UsageError without a head.
    """
    database = context.database
    stored, model = require_head(database), current_model(database)
    if model is None:
        return
    min_cosine = serving_bundle(context.config, database).near_duplicate_cosine
    labelled, layout = labelled_vectors(database, model), disk_layout(database)
    yielded = offset = 0
    page = min(PAGE_ROWS, 2 * count)
    while rows := database.rows(RANKED_SQL, model.id, stored.id, page, offset):
        offset += page
        page_contents = map(RankedContent._make, rows)
        ranked = [one for one in page_contents if one.p_delete >= min_p_delete or one.label == "delete"]
        vectors = unpack_vectors([one.vector for one in ranked], model.dims)
        hits = hits_per_vector(context, model, vectors, COPY_NEIGHBOURS)
        for one, vector, neighbours in zip(ranked, vectors, hits, strict=True):
            near = [content for content, cosine in neighbours if cosine >= min_cosine]
            review = _files_to_review(database, one, near, layout)
            if review is not None:
                reasons = deletion_reasons(one, review, count_deleted_neighbours(vector, labelled))
                decision = stored.head.decision(one.p_delete)
                yield DeletionCandidate(one.content, one.p_delete, decision, reasons, *review)
                yielded += 1
                if yielded == count:
                    return
        if len(rows) < page:
            return


def labelled_vectors(database: Database, model: Model) -> LabelledVectors:
    """Return the vectors of all labelled contents, and which of them are labelled `delete`."""
    rows = database.rows(LABELLED_VECTORS_SQL, model.id)
    vectors = unpack_vectors([vector for vector, _ in rows], model.dims)
    return LabelledVectors(vectors, np.array([label == "delete" for _, label in rows], bool))


def _files_to_review(
    database: Database, ranked: RankedContent, near: list[int], layout: DiskLayout
) -> ReviewFiles | None:
    """Return None if no file can be read now, or if one of them is the best of its near duplicates."""
    content = ranked.content
    excluded = {content, *not_duplicates_of(database, content)}
    copies: dict[int, list[FileCopy]] = {}
    others = [one for one in near if one not in excluded]
    for part in copies_by_content(database, [content, *others], OK_STATES, layout):
        copies |= part
    readable = (file for file in copies.get(content, []) if not file.away)
    # Nobody looks for a file in a recycle bin.
    files = distinct_names(sorted(readable, key=lambda file: (file.transient, file.path)))
    if not files:
        return None
    best = best_copy(file for group in copies.values() for file in group)
    if len(copies) > 1 and best in files and ranked.label != "delete":
        return None
    return ReviewFiles(tuple(files), best.path if best not in files and best.stays else None)


def count_deleted_neighbours(vector: Floats, labelled: LabelledVectors) -> NeighbourLabels:
    """Count `delete` labels among the LABELLED_NEIGHBOURS nearest labelled images. Pure."""
    if not len(labelled.vectors):
        return NeighbourLabels(0, 0)
    cosines = labelled.vectors @ vector
    nearest = np.argpartition(-cosines, min(LABELLED_NEIGHBOURS, len(cosines)) - 1)[:LABELLED_NEIGHBOURS]
    return NeighbourLabels(int(labelled.deleted[nearest].sum()), len(nearest))


def deletion_reasons(ranked: RankedContent, review: ReviewFiles, neighbours: NeighbourLabels) -> tuple[str, ...]:
    """Return why the file may be deleted, in words its owner can check: at least one reason, strongest first. Pure."""
    reasons = [
        "you labelled it delete" if ranked.label == "delete" else "",
        f"a copy of a better file: {printable_path(review.better)}" if review.better is not None else "",
        f"looks damaged: {ranked.suspect}" if ranked.suspect else "",
        f"looks like {neighbours.deleted} that you deleted, of the {neighbours.total} most similar"
        if neighbours.total > 0 and neighbours.deleted >= DELETED_SHARE * neighbours.total
        else "",
        "blurred" if ranked.detail is not None and ranked.camera and ranked.detail < BLURRED_BELOW else "",
        "a screenshot" if _is_screenshot(ranked, review.files[0].path) else "",
        f"small: {ranked.width} x {ranked.height}" if _is_small(ranked) else "",
    ]
    return tuple(filter(None, reasons)) or ("its content and name taken together",)


def _is_small(ranked: RankedContent) -> bool:
    if ranked.width is None or ranked.height is None:
        return False
    return ranked.width * ranked.height < SMALL_MEGAPIXELS * 1e6


def _is_screenshot(ranked: RankedContent, path: bytes) -> bool:
    words = path_words(path.decode("utf-8", "replace"))
    return ranked.camera is None and not SCREENSHOT_WORDS.isdisjoint(words)
