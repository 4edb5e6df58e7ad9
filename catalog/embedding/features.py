"""The head's features of contents: the embedding, then what the files tell. Streamed, never all at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.filesystem.paths import join_path
from catalog.formatting import path_text
from catalog.store.database import Database
from catalog.store.vectors import unpack_vectors
from models.learn.file_features import FILE_FEATURES, FileMetadata, file_features, name_text

Floats = NDArray[np.float32]
FEATURE_INPUTS_SQL = (
    "SELECT c.id, c.format, c.width, c.height, c.bytes, c.camera, c.taken_at, c.detail, c.suspect,"
    " (SELECT d.path FROM file f JOIN directory d ON d.id = f.directory WHERE f.content = c.id ORDER BY f.id LIMIT 1),"
    " (SELECT f.name FROM file f WHERE f.content = c.id ORDER BY f.id LIMIT 1)"
    " FROM content c WHERE c.id IN ({marks})"
)


class ComputedFeatures(NamedTuple):
    """What a file tells without its pixels, for its content. `traits`: packed; `words`: what its name says."""

    traits: bytes
    words: str
    content: int


class FeatureBatch(NamedTuple):
    """`contents`: ids. `vectors`: float32 [N, dims]. `traits`: float32 [N, traits]. `fresh`: those that were computed
    now, to be stored.
    """

    contents: list[int]
    vectors: Floats
    traits: Floats
    fresh: list[ComputedFeatures]

    @property
    def rows(self) -> Floats:
        """float32 [N, dims + traits]."""
        return np.hstack([self.vectors, self.traits])


def load_features(database: Database, found: Sequence[tuple[int, bytes, bytes | None]], dims: int) -> FeatureBatch:
    """(content id, packed vector, packed traits or None) → features."""
    contents = [content for content, _, _ in found]
    told = [packed for _, _, packed in found]
    untold = [place for place, packed in enumerate(told) if packed is None or len(packed) != 2 * len(FILE_FEATURES)]
    fresh = _compute_missing(database, [contents[place] for place in untold])
    made = {one.content: one.traits for one in fresh}
    for place in untold:
        told[place] = made[contents[place]]
    rest = unpack_vectors([packed for packed in told if packed is not None], len(FILE_FEATURES))
    return FeatureBatch(contents, unpack_vectors([vector for _, vector, _ in found], dims), rest, fresh)


def _compute_missing(database: Database, contents: list[int]) -> list[ComputedFeatures]:
    fresh = []
    for start in range(0, len(contents), 500):
        part = contents[start : start + 500]
        for row in database.rows(FEATURE_INPUTS_SQL.format(marks=",".join("?" * len(part))), *part):
            path = path_text(join_path(row[9], row[10])) if row[9] is not None else ""
            told = FileMetadata(row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8] is not None, path)
            fresh.append(compute_features(told, int(row[0])))
    return fresh


def compute_features(told: FileMetadata, content: int) -> ComputedFeatures:
    """To be stored for a content. Pure."""
    return ComputedFeatures(file_features(told).astype("<f2").tobytes(), name_text(told.path), content)


def store_features(database: Database, fresh: list[ComputedFeatures]) -> None:
    """Store what was computed. In a transaction."""
    database.many("UPDATE content SET traits = ?, words = ? WHERE id = ?", fresh)
