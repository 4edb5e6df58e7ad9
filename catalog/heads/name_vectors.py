"""Text vectors of file names, stored for each model that has a text tower."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.embedding.features import FeatureBatch
from catalog.store.database import Database
from catalog.store.vectors import Floats, pack_vectors, unpack_vectors

BATCH_NAMES = 32  # names in one request to the service, and in one transaction
EMPTY_NAME = ""  # the text of a name without words; the tower has a vector for it, too

EmbedTexts = Callable[[list[str]], Floats]  # texts → unit vectors, float32 [N, dims]
OnProgress = Callable[[int], object]  # gets the number of names that are about to be embedded


class TextTowerKey(NamedTuple):
    """The text tower `id` of the model in row `model`, whose vectors have `dims` numbers."""

    model: int
    id: str
    dims: int


class NameVectors(NamedTuple):
    """`vectors`: float32 [N, dims]. `missing`: bool [N], true where the name has no stored vector, and the vector of
    the empty name is given instead.
    """

    vectors: Floats
    missing: NDArray[np.bool_]


def name_texts(database: Database, batch: FeatureBatch) -> list[str]:
    """Return the name text of each content in the batch."""
    computed = {features.content: features.words for features in batch.fresh}
    stored = {} if len(computed) == len(batch.contents) else stored_name_texts(database, batch.contents)
    return [computed[content] if content in computed else stored[content] for content in batch.contents]


def stored_name_texts(database: Database, contents: Sequence[int]) -> dict[int, str]:
    """Return the name texts of contents, "" where none was stored with the features."""
    return dict(database.rows_in("SELECT id, coalesce(words, '') FROM content WHERE id IN ({marks})", contents))


def stored_name_vectors(database: Database, tower: TextTowerKey, texts: Iterable[str]) -> dict[str, bytes]:
    """Return the packed vectors of the texts that have one. A truncated one counts as missing, and is replaced."""
    sql = "SELECT words, data FROM wording WHERE model = ? AND tower = ? AND words IN ({marks})"
    found = database.rows_in(sql, sorted(set(texts)), tower.model, tower.id)
    return {text: data for text, data in found if len(data) == 2 * tower.dims}


def load_name_vectors(database: Database, tower: TextTowerKey, texts: Sequence[str]) -> NameVectors:
    """Return the vector of each text, and that of the empty name for a text without one.

    Zeros would be far from all vectors, and the head would take them for a signal; the empty name is among them.
    """
    found = stored_name_vectors(database, tower, [EMPTY_NAME, *texts])
    row_of = {text: row for row, text in enumerate(found)}
    empty = row_of.get(EMPTY_NAME, len(found))
    table = np.vstack([unpack_vectors(list(found.values()), tower.dims), np.zeros((1, tower.dims), np.float32)])
    rows = np.array([row_of.get(text, empty) for text in texts], np.int64)
    return NameVectors(table[rows], np.array([text not in row_of for text in texts], bool))


def embed_missing_names(
    database: Database, tower: TextTowerKey, texts: Sequence[str], embed: EmbedTexts, on_progress: OnProgress
) -> None:
    """Embed and store the texts that have no vector yet, and the empty name; `on_progress` gets their number first."""
    wanted = dict.fromkeys([EMPTY_NAME, *texts])
    stored = stored_name_vectors(database, tower, wanted)
    missing = [text for text in wanted if text not in stored]
    if missing:
        on_progress(len(missing))
    for start in range(0, len(missing), BATCH_NAMES):
        part = missing[start : start + BATCH_NAMES]
        vectors = embed(part)
        with database.transaction():
            store_name_vectors(database, tower, part, vectors)


def store_name_vectors(database: Database, tower: TextTowerKey, texts: Sequence[str], vectors: Floats) -> None:
    """Store vectors, float32 [N, dims] of unit length. In a transaction."""
    rows = [(tower.model, tower.id, text, data) for text, data in zip(texts, pack_vectors(vectors), strict=True)]
    database.many("INSERT INTO wording VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET data = excluded.data", rows)
