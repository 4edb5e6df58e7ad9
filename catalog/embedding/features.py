"""The input features of heads: each content's embedding, followed by its file features (traits)."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from catalog.filesystem.paths import join_path
from catalog.formatting import path_text
from catalog.store.database import Database
from catalog.store.vectors import Floats, unpack_vectors
from models.learn.file_features import FILE_FEATURES, FileMetadata, file_features, name_text

FEATURE_INPUTS_SQL = (
    "SELECT c.id, c.format, c.width, c.height, c.bytes, c.camera, c.taken_at, c.detail, c.suspect,"
    " (SELECT d.path FROM file f JOIN directory d ON d.id = f.directory WHERE f.content = c.id ORDER BY f.id LIMIT 1),"
    " (SELECT f.name FROM file f WHERE f.content = c.id ORDER BY f.id LIMIT 1)"
    " FROM content c WHERE c.id IN ({marks})"
)


class ComputedFeatures(NamedTuple):
    """The features of a file apart from its pixels. `traits`: packed file features; `words`: the text of its name."""

    traits: bytes
    words: str
    content: int


class FeatureBatch(NamedTuple):
    """Features of N contents. `contents`: ids; `vectors`: float32 [N, dims]; `traits`: float32 [N, traits].

    `fresh`: the features that were computed now and are to be stored.
    """

    contents: list[int]
    vectors: Floats
    traits: Floats
    fresh: list[ComputedFeatures]

    @property
    def rows(self) -> Floats:
        """The feature matrix, float32 [N, dims + traits]."""
        return np.hstack([self.vectors, self.traits])


def load_features(database: Database, found: Sequence[tuple[int, bytes, bytes | None]], dims: int) -> FeatureBatch:
    """Return the features of these contents: (content id, packed vector, packed traits or None) each.

    Traits that are missing or outdated are computed.
    """
    contents = [content for content, _, _ in found]
    traits = [packed for _, _, packed in found]
    missing = [place for place, packed in enumerate(traits) if packed is None or len(packed) != 2 * len(FILE_FEATURES)]
    fresh = _compute_missing(database, [contents[place] for place in missing])
    traits_by_content = {features.content: features.traits for features in fresh}
    for place in missing:
        traits[place] = traits_by_content[contents[place]]
    unpacked = unpack_vectors([packed for packed in traits if packed is not None], len(FILE_FEATURES))
    return FeatureBatch(contents, unpack_vectors([vector for _, vector, _ in found], dims), unpacked, fresh)


def _compute_missing(database: Database, contents: list[int]) -> list[ComputedFeatures]:
    fresh = []
    for content, *facts, suspect, folder, name in database.rows_in(FEATURE_INPUTS_SQL, contents):
        path = "" if folder is None else path_text(join_path(folder, name))
        metadata = FileMetadata._make((*facts, suspect is not None, path))
        fresh.append(compute_features(metadata, int(content)))
    return fresh


def compute_features(metadata: FileMetadata, content: int) -> ComputedFeatures:
    """Return a content's features in the form in which they are stored. Pure."""
    return ComputedFeatures(file_features(metadata).astype("<f2").tobytes(), name_text(metadata.path), content)


def store_features(database: Database, fresh: list[ComputedFeatures]) -> None:
    """Store computed features. Call in a transaction."""
    database.many("UPDATE content SET traits = ?, words = ? WHERE id = ?", fresh)
