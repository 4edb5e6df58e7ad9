"""Augmented views of labelled pictures: read again where their files lie, changed, embedded, and learned from once.

They are not kept: views of a million labels would outgrow the catalog, and the next training may want others.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from catalog.context import CatalogContext
from catalog.embedding.decode_pool import decode_files
from catalog.embedding.embedder import FileEmbedder
from catalog.filesystem.paths import join_path
from catalog.store.database import Database
from models.learn.augmentation import augmented_views
from models.learn.dataset import AugmentedViews
from models.learn.logistic import Floats

BATCH_IMAGES = 32  # pictures: with their views, a batch for the model
FILE_OF_CONTENT_SQL = (
    "SELECT c.sha256, d.path, f.name FROM file f JOIN directory d ON d.id = f.directory JOIN content c"
    " ON c.id = f.content WHERE f.content = ? AND f.state = 'ok' ORDER BY f.id LIMIT 1"
)


class LabelledImage(NamedTuple):
    """A labelled picture read again: its place among the labels, and its pixels as the model wants them."""

    place: int
    pixels: np.ndarray


def embed_augmented_views(
    asking: CatalogContext, contents: list[int], rows: Floats, dims: int, count: int, seed: int
) -> AugmentedViews:
    """`count` views of each content that lies under a root; its other features are those of `rows` (float32 [N, F]).

    What is away, gone, or has other bytes by now is left out. Raises as Embedder does.
    """
    embedder, dice = FileEmbedder(asking), np.random.default_rng(seed)
    made, of = [np.empty((0, rows.shape[1]), np.float32)], [np.empty(0, np.int64)]
    seen = _decode_labelled(asking.database, embedder, contents)
    while batch := list(islice(seen, BATCH_IMAGES)):
        pixels = np.stack([view for one in batch for view in augmented_views(one.pixels, count, dice)])
        places = np.repeat([one.place for one in batch], count)
        made.append(np.hstack([embedder.session().run(pixels), rows[places, dims:]]))
        of.append(places.astype(np.int64))
    return AugmentedViews(np.vstack(made), np.concatenate(of))


def _decode_labelled(database: Database, embedder: FileEmbedder, contents: list[int]) -> Iterator[LabelledImage]:
    places = {}
    for place, content in enumerate(contents):
        for sha256, folder, name in database.rows(FILE_OF_CONTENT_SQL, content):
            places[join_path(folder, name)] = (place, sha256)
    for reading in decode_files(places, embedder.decode_settings(skip_embedded=False)):
        place, sha256 = places[reading.path]
        if reading.facts is not None and reading.sha256 == sha256:
            yield LabelledImage(place, embedder.pixels(reading))
