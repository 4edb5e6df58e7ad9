"""Rerank the nearest images by spatial verification (Philbin et al., 2007): those that show the same image come first.

Only the few images that the vectors hardly distinguish are compared.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from catalog.files.queries import FileEntry
from catalog.filesystem.safe_read import read_whole

if TYPE_CHECKING:
    import numpy as np

COSINE_MARGIN = 0.1  # below the best cosine: of 19 changes of 499 images, 0.2 % had the original further behind
MIN_COSINE = 0.4  # with the default model, the same image seldom has a lower cosine (one query of 500)
MAX_RERANK_DEPTH = 24  # images aligned with the query, at 15 ms each
SAME_IMAGE_SHARE = 0.85  # explained share: changes of one image have 0.89 and more, other images seldom over 0.8


class SimilarContent(NamedTuple):
    """A content near the query. `explained_share`: of the query (models.registration.align), None if not compared."""

    content: int
    cosine: float
    explained_share: float | None = None

    @property
    def same_image(self) -> bool:
        """Whether it shows the same image as the query."""
        return self.explained_share is not None and self.explained_share >= SAME_IMAGE_SHARE


def rerank_depth(cosines: Sequence[float]) -> int:
    """Return how many of the nearest, given by descending cosine, may show the query's image; 0 if at most one may.

    The thresholds are not taken from the model bundle: opening one takes as long as hashing its weights.
    """
    if not cosines or cosines[0] < MIN_COSINE:
        return 0
    within = sum(cosine >= cosines[0] - COSINE_MARGIN for cosine in cosines[:MAX_RERANK_DEPTH])
    return within if within > 1 else 0


def same_image_first(found: Sequence[SimilarContent]) -> list[SimilarContent]:
    """Return those that show the same image, by falling explained share, then the others in their order."""
    same = [similar for similar in found if similar.same_image]
    others = [similar for similar in found if not similar.same_image]
    return sorted(same, key=lambda similar: -(similar.explained_share or 0.0)) + others


def rerank(
    found: list[SimilarContent], query: bytes, files_of: Callable[[int], Sequence[FileEntry]], max_pixels: int
) -> list[SimilarContent]:
    """Return `found` (best first) with the contents that show the image in the file `query` moved to the front.

    `files_of` returns the files of a content. If several contents are about equally near, their pixels are read from
    files that are readable and whose bytes still match the catalog. A content that cannot be read keeps its place
    among the others.
    """
    depth = rerank_depth([similar.cosine for similar in found])
    query_pixels = _read_pixels(query, None, max_pixels) if depth else None
    if query_pixels is None:
        return found
    import numpy as np

    from models.registration.align import explained_shares

    candidates = {
        place: pixels
        for place, similar in enumerate(found[:depth])
        if (pixels := _first_readable(files_of(similar.content), max_pixels)) is not None
    }
    if len(candidates) < 2:
        return found
    shares = explained_shares(query_pixels, np.stack(list(candidates.values()))).tolist()
    by_place = dict(zip(candidates, shares, strict=True))
    return same_image_first(
        [similar._replace(explained_share=by_place.get(place)) for place, similar in enumerate(found)]
    )


def _first_readable(files: Sequence[FileEntry], max_pixels: int) -> "np.ndarray | None":
    for file in files:
        if file.state == "ok" and (pixels := _read_pixels(file.path, file.sha256, max_pixels)) is not None:
            return pixels
    return None


def _read_pixels(path: bytes, sha256: str | None, max_pixels: int) -> "np.ndarray | None":
    """Return uint8 [SIDE, SIDE, 3], or None if the file cannot be read or its hash differs."""
    from models.decode.reason import DecodeError
    from models.picture import Recipe, read_picture
    from models.registration.align import SIDE

    try:
        data = read_whole(path)
        if sha256 is not None and hashlib.sha256(data).hexdigest() != sha256.lower():
            return None
        recipe = Recipe(SIDE, SIDE, "squash", "bilinear", scaled_jpeg=1)
        return read_picture(data, recipe, max_pixels=max_pixels).pixels
    except (OSError, DecodeError):
        return None
