"""Comparison of a file's new content with its previous one, while the bytes and pixels of the new one are in memory."""

from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from catalog.files.history import NO_COMPARISON
from catalog.store.database import Database
from catalog.store.vectors import unpack_vectors
from catalog.verdict.block_checksums import compare_blocks
from catalog.verdict.case import ContentComparison
from models.decode.jpeg.header import coded_span
from models.decode.reason import VALIDATOR_VERSION

SAME_IMAGE_COSINE = 0.9  # below this cosine the image may have been rotated or mirrored
Array = np.ndarray


class ImageEncoder(Protocol):
    """A model session: uint8 [B, H, W, 3] to float32 [B, D]."""

    def run(self, pixels: Array) -> Array:
        """Embed a batch."""


class PreviousContent(NamedTuple):
    """The content that a file had before. `content`: its row id; `size`: in bytes; `blocks`: its block checksums;
    `vector`: float16 bytes, None if it has none.
    """

    content: int
    sha256: bytes
    size: int
    blocks: bytes | None
    vector: bytes | None


def compare_with_previous(previous: PreviousContent | None, sha256: bytes, data: bytes | None) -> ContentComparison:
    """Compare new bytes with the previous content; NO_COMPARISON if there is none or the bytes are the same.

    `data`: the new bytes, None for a file too large to hold in memory.
    """
    if previous is None or previous.sha256 == sha256:
        return NO_COMPARISON
    if data is None or previous.blocks is None:
        return ContentComparison(previous=previous.content)
    blocks = compare_blocks(previous.blocks, previous.size, previous.sha256, data)
    return ContentComparison(previous=previous.content, blocks=blocks, coded_span=coded_span(data))


def add_cosine(
    comparison: ContentComparison, encoder: ImageEncoder, pixels: Array, vector: Array, previous_vector: bytes
) -> ContentComparison:
    """Return the comparison with the cosine between the image's vector and the previous one (float16, same model).

    `pixels`: the new image, uint8 [H, W, 3]; `vector`: its own, float32 [D]. If the cosine is low, the seven rotations
    and mirror images are embedded too, and the best cosine counts. Raises what the encoder raises.
    """
    previous = unpack_vectors([previous_vector], len(vector))[0]
    upright = float(previous @ vector)
    if upright >= SAME_IMAGE_COSINE:
        return comparison._replace(cosine=upright)
    others = _rotations_and_mirrors(pixels)
    best = float(np.max(encoder.run(np.stack(others)) @ previous)) if others else upright
    return comparison._replace(cosine=max(upright, best), reoriented=best > upright and best >= SAME_IMAGE_COSINE)


def _rotations_and_mirrors(pixels: Array) -> list[Array]:
    """Return every rotation by quarters and mirror image that keeps the shape, except the image itself."""
    rotated = [np.rot90(pixels, quarters) for quarters in range(4)]
    views = [*rotated[1:], *(view[:, ::-1] for view in rotated)]
    return [np.ascontiguousarray(view) for view in views if view.shape == pixels.shape]


class DatabaseLookup:
    """A worker's read-only questions to the catalog."""

    def __init__(self, path: Path, model: int) -> None:
        self._database = Database(path, write=False)
        self._model = model

    def is_embedded(self, sha256: bytes) -> bool:
        """Return whether the current validators passed this content and it has a vector."""
        return bool(
            self._database.value(
                "SELECT 1 FROM content c JOIN vector v ON v.content = c.id"
                " WHERE c.sha256 = ? AND v.model = ? AND c.proof >= ?",
                *(sha256, self._model, VALIDATOR_VERSION),
            )
        )

    def previous(self, content: int) -> PreviousContent | None:
        """Return a content by its row id."""
        row = self._database.row(
            "SELECT c.id, c.sha256, c.bytes, c.blocks, v.data FROM content c"
            " LEFT JOIN vector v ON v.content = c.id AND v.model = ? WHERE c.id = ?",
            *(self._model, content),
        )
        return None if row is None else PreviousContent(*row)
