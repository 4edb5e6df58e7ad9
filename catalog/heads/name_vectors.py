"""Vectors of what file names say, stored for each model that understands words."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.embedding.features import FeatureBatch, Floats
from catalog.store.database import Database
from catalog.store.vectors import pack_vectors, unpack_vectors

CHUNK_VALUES = 500  # values a query
EMPTY_NAME = ""  # what a name without words says: the tower has a vector for that, too


class TextTowerKey(NamedTuple):
    """Whose vectors: the text tower `id` of the row `model`, of `dims` numbers."""

    model: int
    id: str
    dims: int


class NameVectors(NamedTuple):
    """`vectors`: float32 [N, dims]. `bare`: bool [N], those that stand for names whose own are not stored."""

    vectors: Floats
    bare: NDArray[np.bool_]


def name_texts(database: Database, described: FeatureBatch) -> list[str]:
    """What the name of each content says."""
    fresh = {one.content: one.words for one in described.fresh}
    told = {} if len(fresh) == len(described.contents) else stored_name_texts(database, described.contents)
    return [fresh[content] if content in fresh else told[content] for content in described.contents]


def stored_name_texts(database: Database, contents: Sequence[int]) -> dict[int, str]:
    """What the names of contents say, as far as it was stored with their traits; else nothing."""
    found: dict[int, str] = {}
    for start in range(0, len(contents), CHUNK_VALUES):
        part = contents[start : start + CHUNK_VALUES]
        sql = f"SELECT id, coalesce(words, '') FROM content WHERE id IN ({_placeholders(part)})"
        found.update(dict(database.rows(sql, *part)))
    return found


def stored_name_vectors(database: Database, owner: TextTowerKey, words: Iterable[str]) -> dict[str, bytes]:
    """Packed vectors of those that have one. One that is cut counts as none: it is made anew, and written over."""
    wanted, found = sorted(set(words)), dict[str, bytes]()
    for start in range(0, len(wanted), CHUNK_VALUES):
        part = wanted[start : start + CHUNK_VALUES]
        sql = f"SELECT words, data FROM wording WHERE model = ? AND tower = ? AND words IN ({_placeholders(part)})"
        found.update((word, data) for word, data in database.rows(sql, owner.model, owner.id, *part))
    return {word: data for word, data in found.items() if len(data) == 2 * owner.dims}


def load_name_vectors(database: Database, owner: TextTowerKey, words: Sequence[str]) -> NameVectors:
    """The vector of each. One that is not stored yet has that of saying nothing, which lies among all others: zeros lie
    far from them, and a head would take them for something.
    """
    found = stored_name_vectors(database, owner, [EMPTY_NAME, *words])
    place = {word: number for number, word in enumerate(found)}
    nothing = place.get(EMPTY_NAME, len(found))
    table = np.vstack([unpack_vectors(list(found.values()), owner.dims), np.zeros((1, owner.dims), np.float32)])
    rows = np.array([place.get(word, nothing) for word in words], np.int64)
    return NameVectors(table[rows], np.array([word not in place for word in words], bool))


def store_name_vectors(database: Database, owner: TextTowerKey, words: Sequence[str], vectors: Floats) -> None:
    """Store vectors, float32 [N, dims] of unit length. In a transaction."""
    rows = [(owner.model, owner.id, word, data) for word, data in zip(words, pack_vectors(vectors), strict=True)]
    database.many("INSERT INTO wording VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET data = excluded.data", rows)


def _placeholders(values: Sequence[object]) -> str:
    return ",".join("?" * len(values))
