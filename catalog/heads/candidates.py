"""What to look at first: files by how likely their owner is to delete them, each with the reasons why.

Why a picture is proposed for deletion, in words that its owner can check. Pure.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from catalog.choices.not_duplicates import parted
from catalog.context import Asking
from catalog.duplicates.best_copy import Candidate, keeper
from catalog.duplicates.copies import SHOWN, evidence
from catalog.embedding.selection import serving_bundle
from catalog.formatting import show, text
from catalog.heads.stored_head import needed
from catalog.similarity.nearest import hits_each
from catalog.store.models import Model, current
from catalog.store.vectors import unpack
from models.learn.file_features import words
from models.learn.head import Head

BLURRED = 0.7  # models.fit: sharp photos lie above 1, those blurred by 3 pixels of 500 under 0.7
SMALL = 0.15  # megapixels
MANY = 0.6  # of those most alike that were labelled
SCREENS = {"screenshot", "screenshots", "screen", "bildschirmfoto", "bildschirmfotos", "capture", "schermata"}


@dataclass(frozen=True, slots=True)
class Known:
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


def reasons(known: Known) -> tuple[str, ...]:
    """The strongest first; at least one."""
    found = [
        "you labelled it delete" if known.label == "delete" else "",
        f"a copy of a better file: {show(known.better)}" if known.better is not None else "",
        f"looks damaged: {known.suspect}" if known.suspect else "",
        f"looks like {known.gone} that you deleted, of the {known.asked} most alike" if _like_deleted(known) else "",
        "blurred" if known.detail is not None and known.camera and known.detail < BLURRED else "",
        "a screenshot" if _screenshot(known) else "",
        f"small: {known.width} x {known.height}" if _small(known) else "",
    ]
    return tuple(word for word in found if word) or ("by its looks and its name, all together",)


def _like_deleted(known: Known) -> bool:
    return known.asked > 0 and known.gone >= MANY * known.asked


def _small(known: Known) -> bool:
    return known.width is not None and known.height is not None and known.width * known.height < SMALL * 1e6


def _screenshot(known: Known) -> bool:
    named = SCREENS & words(known.path.decode("utf-8", "replace"))
    return bool(named) and known.camera is None


Floats = NDArray[np.float32]
PAGE = 200  # rows looked at together at most: without the service each page is a pass over all vectors
ALIKE = 12  # neighbours that are looked at for a better copy
JUDGES = 20  # labelled pictures most like one, whose fates are told
# Not what the owner keeps, not what is out of reach. What was labelled `delete` leads: it only waits for the trash.
RANKED = (
    "SELECT s.content, s.p_delete, l.value, v.data, c.detail, c.suspect, c.format, c.width, c.height, c.camera"
    " FROM score s JOIN content c ON c.id = s.content JOIN vector v ON v.content = s.content AND v.model = ?"
    " LEFT JOIN label l ON l.content = s.content"
    " WHERE s.head = ? AND c.refs > 0 AND coalesce(l.value, '') != 'keep'"
    " ORDER BY coalesce(l.value, '') = 'delete' DESC, s.p_delete DESC, s.content LIMIT ? OFFSET ?"
)


@dataclass(frozen=True, slots=True)
class Proposal:
    """A content to look at, with its files. `word`: delete, unsure or keep, as far as the head knows."""

    content: int
    p_delete: float
    word: str
    why: tuple[str, ...]
    files: tuple[Candidate, ...]
    better: bytes | None

    def record(self) -> dict[str, Any]:
        """The line that `candidates --json` promises, for its first file."""
        return {
            "path": text(self.files[0].path),
            "p_delete": round(self.p_delete, 6),
            "word": self.word,
            "why": list(self.why),
            "bytes": self.files[0].bytes,
            "copies": [text(file.path) for file in self.files[1:]],
            "better": None if self.better is None else text(self.better),
        }


def candidates(asking: Asking, count: int, least: float = 0.0) -> Iterator[Proposal]:
    """The `count` likeliest, p_delete of at least `least`. The best of a group of near copies is left out of it.

    Raises UsageFault without a head.
    """
    kept, model = needed(asking.database), current(asking.database)
    if model is None:
        return
    near = serving_bundle(asking.config, asking.database).near_duplicate_cosine
    judges = labelled(asking, model)
    given = offset = 0
    page = min(PAGE, 2 * count)
    while rows := asking.database.rows(RANKED, model.id, kept.id, page, offset):
        offset += page
        rows = [row for row in rows if row[1] >= least or row[2] == "delete"]
        vectors = unpack([row[3] for row in rows], model.dims)
        for row, vector, alike in zip(rows, vectors, hits_each(asking, model, vectors, ALIKE), strict=True):
            found = _proposal(asking, kept.head, [hit for hit in alike if hit[1] >= near], judges, vector, row)
            if found is not None:
                yield found
                given += 1
                if given == count:
                    return
        if len(rows) < page:
            return


def labelled(asking: Asking, model: Model) -> tuple[Floats, NDArray[np.bool_]]:
    """Vectors of all labelled contents, float32 [N, D], and which of them were deleted."""
    rows = asking.database.rows(
        "SELECT v.data, l.value FROM label l JOIN vector v ON v.content = l.content AND v.model = ?", model.id
    )
    return unpack([row[0] for row in rows], model.dims), np.array([row[1] == "delete" for row in rows], bool)


def _proposal(
    asking: Asking,
    head: Head,
    near: list[tuple[int, float]],
    judges: tuple[Floats, NDArray[np.bool_]],
    vector: Floats,
    row: tuple[Any, ...],
) -> Proposal | None:
    content, p_delete, label, _, detail, suspect, format_, width, height, camera = row
    strangers = parted(asking.database, content)
    alike = [other for other, _ in near if other not in strangers]
    groups: dict[int, list[Candidate]] = {}
    for part in evidence(asking.database, [content, *(other for other in alike if other != content)], SHOWN):
        groups |= part
    here = (file for file in groups.get(content, []) if not file.away)
    files = sorted(here, key=lambda file: (file.transient, file.path))  # a bin is not where its owner looks for it
    if not files:
        return None
    best = keeper(file for group in groups.values() for file in group)
    if len(groups) > 1 and best in files and label != "delete":
        return None  # of its likes, this one stays
    better = best.path if best not in files and not best.transient else None
    gone, asked = verdicts(vector, *judges)
    known = Known(label, better, gone, asked, detail, suspect, format_, width, height, camera, files[0].path)
    return Proposal(content, p_delete, head.word(p_delete), reasons(known), tuple(files), better)


def verdicts(vector: Floats, vectors: Floats, deleted: NDArray[np.bool_]) -> tuple[int, int]:
    """Of the labelled pictures most like this one, how many were deleted, and how many were asked. Pure."""
    if not len(vectors):
        return 0, 0
    cosines = vectors @ vector
    nearest = np.argpartition(-cosines, min(JUDGES, len(cosines)) - 1)[:JUDGES]
    return int(deleted[nearest].sum()), len(nearest)
