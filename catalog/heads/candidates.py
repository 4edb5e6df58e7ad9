"""What to look at first: files by how likely their owner is to delete them, each with the reasons why.

Why a picture is proposed for deletion, in words that its owner can check. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.choices.not_duplicates import not_duplicates_of
from catalog.context import CatalogContext
from catalog.duplicates.best_copy import FileCopy, best_copy
from catalog.duplicates.copies import OK_STATES, copies_by_content
from catalog.embedding.selection import serving_bundle
from catalog.formatting import path_text, printable_path
from catalog.heads.stored_head import require_head
from catalog.similarity.nearest import hits_per_vector
from catalog.store.models import Model, current_model
from catalog.store.vectors import unpack_vectors
from models.learn.file_features import path_words
from models.learn.head import Head

BLURRED_BELOW = 0.7  # models.fit: sharp photos lie above 1, those blurred by 3 pixels of 500 under 0.7
SMALL_MEGAPIXELS = 0.15  # megapixels
DELETED_SHARE = 0.6  # of those most alike that were labelled
SCREENSHOT_WORDS = {"screenshot", "screenshots", "screen", "bildschirmfoto", "bildschirmfotos", "capture", "schermata"}


@dataclass(frozen=True, slots=True)
class CandidateFacts:
    """What is known of a picture. `gone` of the `asked` labelled pictures most like it were deleted."""

    label: str | None
    better: bytes | None
    gone: int
    asked: int
    detail: float | None
    suspect: str | None
    format: str | None
    width: int | None
    height: int | None
    camera: str | None
    path: bytes


def deletion_reasons(known: CandidateFacts) -> tuple[str, ...]:
    """The strongest first; at least one."""
    found = [
        "you labelled it delete" if known.label == "delete" else "",
        f"a copy of a better file: {printable_path(known.better)}" if known.better is not None else "",
        f"looks damaged: {known.suspect}" if known.suspect else "",
        f"looks like {known.gone} that you deleted, of the {known.asked} most alike"
        if _resembles_deleted(known)
        else "",
        "blurred" if known.detail is not None and known.camera and known.detail < BLURRED_BELOW else "",
        "a screenshot" if _is_screenshot(known) else "",
        f"small: {known.width} x {known.height}" if _is_small(known) else "",
    ]
    return tuple(word for word in found if word) or ("by its looks and its name, all together",)


def _resembles_deleted(known: CandidateFacts) -> bool:
    return known.asked > 0 and known.gone >= DELETED_SHARE * known.asked


def _is_small(known: CandidateFacts) -> bool:
    return known.width is not None and known.height is not None and known.width * known.height < SMALL_MEGAPIXELS * 1e6


def _is_screenshot(known: CandidateFacts) -> bool:
    named = SCREENSHOT_WORDS & path_words(known.path.decode("utf-8", "replace"))
    return bool(named) and known.camera is None


Floats = NDArray[np.float32]
PAGE_ROWS = 200  # rows looked at together at most: without the service each page is a pass over all vectors
COPY_NEIGHBOURS = 12  # neighbours that are looked at for a better copy
LABELLED_NEIGHBOURS = 20  # labelled pictures most like one, whose fates are told
# Not what the owner keeps, not what is out of reach. What was labelled `delete` leads: it only waits for the trash.
RANKED_SQL = (
    "SELECT s.content, s.p_delete, l.value, v.data, c.detail, c.suspect, c.format, c.width, c.height, c.camera"
    " FROM score s JOIN content c ON c.id = s.content JOIN vector v ON v.content = s.content AND v.model = ?"
    " LEFT JOIN label l ON l.content = s.content"
    " WHERE s.head = ? AND c.refs > 0 AND coalesce(l.value, '') != 'keep'"
    " ORDER BY coalesce(l.value, '') = 'delete' DESC, s.p_delete DESC, s.content LIMIT ? OFFSET ?"
)


@dataclass(frozen=True, slots=True)
class DeletionCandidate:
    """A content to look at, with its files. `word`: delete, unsure or keep, as far as the head knows."""

    content: int
    p_delete: float
    word: str
    why: tuple[str, ...]
    files: tuple[FileCopy, ...]
    better: bytes | None

    def record(self) -> dict[str, Any]:
        """The line that `candidates --json` promises, for its first file."""
        return {
            "path": path_text(self.files[0].path),
            "p_delete": round(self.p_delete, 6),
            "word": self.word,
            "why": list(self.why),
            "bytes": self.files[0].bytes,
            "copies": [path_text(file.path) for file in self.files[1:]],
            "better": None if self.better is None else path_text(self.better),
        }


def deletion_candidates(asking: CatalogContext, count: int, least: float = 0.0) -> Iterator[DeletionCandidate]:
    """The `count` likeliest, p_delete of at least `least`. The best of a group of near copies is left out of it.

    Raises UsageFault without a head.
    """
    kept, model = require_head(asking.database), current_model(asking.database)
    if model is None:
        return
    near = serving_bundle(asking.config, asking.database).near_duplicate_cosine
    judges = labelled_vectors(asking, model)
    given = offset = 0
    page = min(PAGE_ROWS, 2 * count)
    while rows := asking.database.rows(RANKED_SQL, model.id, kept.id, page, offset):
        offset += page
        rows = [row for row in rows if row[1] >= least or row[2] == "delete"]
        vectors = unpack_vectors([row[3] for row in rows], model.dims)
        for row, vector, alike in zip(
            rows, vectors, hits_per_vector(asking, model, vectors, COPY_NEIGHBOURS), strict=True
        ):
            found = _deletion_candidate(
                asking, kept.head, [hit for hit in alike if hit[1] >= near], judges, vector, row
            )
            if found is not None:
                yield found
                given += 1
                if given == count:
                    return
        if len(rows) < page:
            return


def labelled_vectors(asking: CatalogContext, model: Model) -> tuple[Floats, NDArray[np.bool_]]:
    """Vectors of all labelled contents, float32 [N, D], and which of them were deleted."""
    rows = asking.database.rows(
        "SELECT v.data, l.value FROM label l JOIN vector v ON v.content = l.content AND v.model = ?", model.id
    )
    return unpack_vectors([row[0] for row in rows], model.dims), np.array([row[1] == "delete" for row in rows], bool)


def _deletion_candidate(
    asking: CatalogContext,
    head: Head,
    near: list[tuple[int, float]],
    judges: tuple[Floats, NDArray[np.bool_]],
    vector: Floats,
    row: tuple[Any, ...],
) -> DeletionCandidate | None:
    content, p_delete, label, _, detail, suspect, format_, width, height, camera = row
    strangers = not_duplicates_of(asking.database, content)
    alike = [other for other, _ in near if other not in strangers]
    groups: dict[int, list[FileCopy]] = {}
    for part in copies_by_content(
        asking.database, [content, *(other for other in alike if other != content)], OK_STATES
    ):
        groups |= part
    here = (file for file in groups.get(content, []) if not file.away)
    files = sorted(here, key=lambda file: (file.transient, file.path))  # a bin is not where its owner looks for it
    if not files:
        return None
    best = best_copy(file for group in groups.values() for file in group)
    if len(groups) > 1 and best in files and label != "delete":
        return None  # of its likes, this one stays
    better = best.path if best not in files and not best.transient else None
    gone, asked = count_deleted_neighbours(vector, *judges)
    known = CandidateFacts(label, better, gone, asked, detail, suspect, format_, width, height, camera, files[0].path)
    return DeletionCandidate(content, p_delete, head.word(p_delete), deletion_reasons(known), tuple(files), better)


def count_deleted_neighbours(vector: Floats, vectors: Floats, deleted: NDArray[np.bool_]) -> tuple[int, int]:
    """Of the labelled pictures most like this one, how many were deleted, and how many were asked. Pure."""
    if not len(vectors):
        return 0, 0
    cosines = vectors @ vector
    nearest = np.argpartition(-cosines, min(LABELLED_NEIGHBOURS, len(cosines)) - 1)[:LABELLED_NEIGHBOURS]
    return int(deleted[nearest].sum()), len(nearest)
