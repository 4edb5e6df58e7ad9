"""A content beside the one that its path held before: what only the reader of the new bytes can tell.

What a worker asks of the catalog about the bytes that it has read.
"""

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

SAME_IMAGE_COSINE = 0.9  # below that cosine the picture may have been turned or mirrored
Array = np.ndarray


class ImageEncoder(Protocol):
    """What is needed of a session: uint8 [B, H, W, 3] to float32 [B, D]."""

    def run(self, pixels: Array) -> Array:
        """Embed a batch."""


class PreviousContent(NamedTuple):
    """The content that a path held: its row's id, its bytes' size and sums, its vector (float16) where it has one."""

    content: int
    sha256: bytes
    size: int
    blocks: bytes | None
    vector: bytes | None


def compare_with_previous(past: PreviousContent | None, sha256: bytes, data: bytes | None) -> ContentComparison:
    """Nothing for a path that held nothing, or the same."""
    if past is None or past.sha256 == sha256:
        return NO_COMPARISON
    if data is None or past.blocks is None:
        return ContentComparison(past=past.content)
    stands = compare_blocks(past.blocks, past.size, past.sha256, data)
    return ContentComparison(past=past.content, standing=stands, coded=coded_span(data))


def add_cosine(
    comparison: ContentComparison, network: ImageEncoder, pixels: Array, vector: Array, before: bytes
) -> ContentComparison:
    """Add the cosine to the vector that the path had before (float16, of the same model).

    `pixels`: the new picture, uint8 [H, W, 3]; `vector`: its own, float32 [D]. A picture that is less like the old one
    is also looked at in the seven other ways that it can be turned and mirrored. Raises what the network raises.
    """
    old = unpack_vectors([before], len(vector))[0]
    straight = float(old @ vector)
    if straight >= SAME_IMAGE_COSINE:
        return comparison._replace(cosine=straight)
    others = _turned_and_mirrored(pixels)
    best = float(np.max(network.run(np.stack(others)) @ old)) if others else straight
    return comparison._replace(cosine=max(straight, best), turned=best > straight and best >= SAME_IMAGE_COSINE)


def _turned_and_mirrored(pixels: Array) -> list[Array]:
    """All ways that keep the shape, but for the picture as it is."""
    turns = [np.rot90(pixels, quarter) for quarter in range(4)]
    ways = [*turns[1:], *(turn[:, ::-1] for turn in turns)]
    return [np.ascontiguousarray(way) for way in ways if way.shape == pixels.shape]


class DatabaseLookup:
    """What a worker asks of the catalog, read-only."""

    def __init__(self, path: Path, model: int) -> None:
        self._database = Database(path, write=False)
        self._model = model

    def recognised(self, sha256: bytes) -> bool:
        """Whether these bytes were proved by these validators and have a vector already."""
        return bool(
            self._database.value(
                "SELECT 1 FROM content c JOIN vector v ON v.content = c.id"
                " WHERE c.sha256 = ? AND v.model = ? AND c.proof >= ?",
                *(sha256, self._model, VALIDATOR_VERSION),
            )
        )

    def past(self, content: int) -> PreviousContent | None:
        """A content by its row's id, for comparison with what took its place."""
        row = self._database.row(
            "SELECT c.id, c.sha256, c.bytes, c.blocks, v.data FROM content c"
            " LEFT JOIN vector v ON v.content = c.id AND v.model = ? WHERE c.id = ?",
            *(self._model, content),
        )
        return None if row is None else PreviousContent(*row)
