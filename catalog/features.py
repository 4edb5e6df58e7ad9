"""The head's features of contents: the embedding, then what the files tell. Streamed, never all at once."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from catalog.db import Database
from catalog.display import text
from catalog.tree import join
from catalog.vectors import unpack
from models.traits import TRAITS, Told, traits

Floats = NDArray[np.float32]
UNTOLD = (
    "SELECT c.id, c.format, c.width, c.height, c.bytes, c.camera, c.taken_at, c.detail, c.suspect,"
    " (SELECT d.path FROM file f JOIN directory d ON d.id = f.directory WHERE f.content = c.id ORDER BY f.id LIMIT 1),"
    " (SELECT f.name FROM file f WHERE f.content = c.id ORDER BY f.id LIMIT 1)"
    " FROM content c WHERE c.id IN ({marks})"
)


class Described(NamedTuple):
    """`contents`: ids. `rows`: float32 [N, dims + traits]. `fresh`: traits that were computed now, to be stored."""

    contents: list[int]
    rows: Floats
    fresh: list[tuple[bytes, int]]


def describe(database: Database, found: Sequence[tuple[int, bytes, bytes | None]], dims: int) -> Described:
    """(content id, packed vector, packed traits or None) → features."""
    contents = [content for content, _, _ in found]
    told = {content: packed for content, _, packed in found if packed is not None and len(packed) == 2 * len(TRAITS)}
    fresh = _tell(database, [content for content in contents if content not in told])
    told |= {content: packed for packed, content in fresh}
    vectors = unpack([vector for _, vector, _ in found], dims)
    rest = np.frombuffer(b"".join(told[content] for content in contents), "<f2").astype(np.float32)
    return Described(contents, np.hstack([vectors, rest.reshape(len(contents), len(TRAITS))]), fresh)


def _tell(database: Database, contents: list[int]) -> list[tuple[bytes, int]]:
    fresh = []
    for start in range(0, len(contents), 500):
        part = contents[start : start + 500]
        for row in database.rows(UNTOLD.format(marks=",".join("?" * len(part))), *part):
            path = text(join(row[9], row[10])) if row[9] is not None else ""
            told = Told(row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8] is not None, path)
            fresh.append((traits(told).astype("<f2").tobytes(), int(row[0])))
    return fresh


def remember(database: Database, fresh: list[tuple[bytes, int]]) -> None:
    """Store traits. In a transaction."""
    database.many("UPDATE content SET traits = ? WHERE id = ?", fresh)
