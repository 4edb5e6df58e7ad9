"""Augmented views of labelled images: read the files again, transform and embed them for one training.

Views are not stored: those of a million labels would outgrow the catalog, and the next training may want others.
"""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from catalog.embedding.decode_pool import decode_files
from catalog.embedding.embedder import FileEmbedder
from catalog.filesystem.paths import join_path
from catalog.heads.training import TrainingSet
from catalog.store.database import Database
from models.learn.augmentation import augmented_views
from models.learn.dataset import AugmentedViews

BATCH_IMAGES = 32  # images whose views are embedded in one run of the model
FILE_OF_CONTENT_SQL = (
    "SELECT c.sha256, d.path, f.name FROM file f JOIN directory d ON d.id = f.directory JOIN content c"
    " ON c.id = f.content WHERE f.content = ? AND f.state = 'ok' ORDER BY f.id LIMIT 1"
)


def embed_augmented_views(
    database: Database, embedder: FileEmbedder, training_set: TrainingSet, count: int, seed: int
) -> AugmentedViews:
    """Return `count` views of each labelled image that has a file under a root; features other than the embedding are
    those of the image itself.

    Files that are unreachable, gone, or changed since are left out. Raises as FileEmbedder does.
    """
    rng = np.random.default_rng(seed)
    features, dims = training_set.labelled.features, training_set.labelled.dims
    batches, sources = [np.empty((0, features.shape[1]), np.float32)], [np.empty(0, np.int64)]
    images = _decode_labelled(database, embedder, training_set.contents)
    while batch := list(islice(images, BATCH_IMAGES)):
        pixels = np.stack([view for _, image in batch for view in augmented_views(image, count, rng)])
        rows = np.repeat(np.array([row for row, _ in batch], np.int64), count)
        batches.append(np.hstack([embedder.session().run(pixels), features[rows, dims:]]))
        sources.append(rows)
    return AugmentedViews(np.vstack(batches), np.concatenate(sources))


def _decode_labelled(
    database: Database, embedder: FileEmbedder, contents: list[int]
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield the row of each labelled image in the training set, and its pixels as the model expects them."""
    expected = {}
    for row, content in enumerate(contents):
        for sha256, folder, name in database.rows(FILE_OF_CONTENT_SQL, content):
            expected[join_path(folder, name)] = (row, sha256)
    for decoded in decode_files(expected, embedder.decode_settings(skip_embedded=False)):
        row, sha256 = expected[decoded.path]
        if decoded.facts is not None and decoded.sha256 == sha256:
            yield row, embedder.pixels(decoded)
