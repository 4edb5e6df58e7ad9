"""Of the nearest pictures, those that show the very same one, first: spatial verification, as image retrieval calls it
(Philbin and others, 2007), of the few that the vectors hardly tell apart.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from catalog.files.queries import FileEntry
from catalog.filesystem.safe_read import read_whole

if TYPE_CHECKING:
    import numpy as np

COSINE_MARGIN = 0.1  # of cosine: of 19 changes of 499 pictures, 0.2 % had their original further behind the nearest
MIN_COSINE = 0.4  # a cosine: what has less is seldom the same picture, to the default model (one query of 500)
MAX_RERANK_DEPTH = 24  # pictures that are laid upon the query, at 15 ms each
SAME_PICTURE_SHARE = (
    0.85  # share that is explained: changes of one picture have 0.89 and more, strangers seldom over 0.8
)


class SimilarContent(NamedTuple):
    """A content near the query. `same`: the share of the query that it explains (models.registration.align), None
    where that was not asked, or could not be.
    """

    content: int
    cosine: float
    same: float | None = None


def rerank_depth(cosines: Sequence[float]) -> int:
    """How many of the nearest, whose falling cosines these are, may be meant as well as the first: 0 if it is alone, or
    another picture altogether. No bundle is asked for a threshold: to open one takes as long as to hash its weights.
    """
    if not cosines or cosines[0] < MIN_COSINE:
        return 0
    within = sum(cosine >= cosines[0] - COSINE_MARGIN for cosine in cosines[:MAX_RERANK_DEPTH])
    return within if within > 1 else 0


def same_picture_first(found: Sequence[SimilarContent]) -> list[SimilarContent]:
    """Those that are the same picture first, the likest of them first; the others as they were. Pure."""
    same = [one for one in found if one.same is not None and one.same >= SAME_PICTURE_SHARE]
    return sorted(same, key=lambda one: -(one.same or 0.0)) + [one for one in found if one not in same]


def rerank(
    found: list[SimilarContent], query: bytes, of: Callable[[int], Sequence[FileEntry]], max_pixels: int
) -> list[SimilarContent]:
    """`found`, best first, with those in front that show the picture in the file `query`.

    `of` tells the files of a content. Where more than one may be meant, their pixels are
    read from files that are at hand and whose bytes are still those of the catalog. What cannot be read keeps its place
    among the rest.
    """
    count = rerank_depth([one.cosine for one in found])
    shown = _read_pixels(query, None, max_pixels) if count else None
    if shown is None:
        return found
    import numpy as np

    from models.registration.align import explained_shares

    seen = {
        place: pixels
        for place, one in enumerate(found[:count])
        if (pixels := _first_readable(of(one.content), max_pixels)) is not None
    }
    if len(seen) < 2:
        return found
    shares = dict(zip(seen, explained_shares(shown, np.stack(list(seen.values()))).tolist(), strict=True))
    judged = [one._replace(same=shares.get(place)) for place, one in enumerate(found)]
    return same_picture_first(judged)


def _first_readable(files: Sequence[FileEntry], max_pixels: int) -> "np.ndarray | None":
    for file in files:
        if file.state == "ok" and (pixels := _read_pixels(file.path, file.sha256, max_pixels)) is not None:
            return pixels
    return None


def _read_pixels(path: bytes, sha256: str | None, max_pixels: int) -> "np.ndarray | None":
    """uint8 [SIDE, SIDE, 3]; None where the file cannot be read, or holds other bytes than it should."""
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
