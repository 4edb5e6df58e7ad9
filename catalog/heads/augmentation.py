"""Augmented views of labelled pictures: read again where their files lie, changed, embedded, and learned from once.

They are not kept: views of a million labels would outgrow the catalog, and the next training may want others.
"""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

import numpy as np

from catalog.context import Asking
from catalog.embedding.decode_pool import read_all
from catalog.embedding.embedder import Embedder
from catalog.filesystem.paths import join
from catalog.store.database import Database
from models.learn.augmentation import views
from models.learn.dataset import Views
from models.learn.logistic import Floats

BATCH = 32  # pictures: with their views, a batch for the model
PLACES = (
    "SELECT c.sha256, d.path, f.name FROM file f JOIN directory d ON d.id = f.directory JOIN content c"
    " ON c.id = f.content WHERE f.content = ? AND f.state = 'ok' ORDER BY f.id LIMIT 1"
)


class Seen(NamedTuple):
    """A labelled picture read again: its place among the labels, and its pixels as the model wants them."""

    place: int
    pixels: np.ndarray


def augment(asking: Asking, contents: list[int], rows: Floats, dims: int, count: int, seed: int) -> Views:
    """`count` views of each content that lies under a root; its other features are those of `rows` (float32 [N, F]).

    What is away, gone, or has other bytes by now is left out. Raises as Embedder does.
    """
    embedder, dice = Embedder(asking), np.random.default_rng(seed)
    made, of = [np.empty((0, rows.shape[1]), np.float32)], [np.empty(0, np.int64)]
    seen = _seen(asking.database, embedder, contents)
    while batch := list(islice(seen, BATCH)):
        pixels = np.stack([view for one in batch for view in views(one.pixels, count, dice)])
        places = np.repeat([one.place for one in batch], count)
        made.append(np.hstack([embedder.network().run(pixels), rows[places, dims:]]))
        of.append(places.astype(np.int64))
    return Views(np.vstack(made), np.concatenate(of))


def _seen(database: Database, embedder: Embedder, contents: list[int]) -> Iterator[Seen]:
    places = {}
    for place, content in enumerate(contents):
        for sha256, folder, name in database.rows(PLACES, content):
            places[join(folder, name)] = (place, sha256)
    for reading in read_all(places, embedder.orders(known=False)):
        place, sha256 = places[reading.path]
        if reading.facts is not None and reading.sha256 == sha256:
            yield Seen(place, embedder.shaped(reading))
