"""The catalog against itself: what is derived has to be what it was derived from."""

from collections.abc import Iterator

import numpy as np

from catalog.filesystem.paths import at_or_inside
from catalog.integrity.check_row import CheckFinding
from catalog.store.database import Database
from catalog.store.volumes import all_volumes

SAMPLED_VECTORS = 10_000  # vectors whose numbers are looked at
LENGTH_TOLERANCE = 0.01  # how far a stored float16 vector's length may be from 1

WRONG_TALLY_SQL = """
SELECT volume, state, reason, sum(files), sum(counted) FROM (
  SELECT volume, state, reason, files, 0 AS counted FROM tally UNION ALL
  SELECT d.volume, f.state, coalesce(f.reason, ''), 0, count(*)
    FROM file f JOIN directory d ON d.id = f.directory GROUP BY 1, 2, 3
) GROUP BY 1, 2, 3 HAVING sum(files) != sum(counted)
"""
WRONG_REFS_SQL = """
SELECT c.id, c.refs, count(f.id) FROM content c LEFT JOIN file f ON f.content = c.id AND f.state != 'gone'
GROUP BY c.id HAVING c.refs != count(f.id)
"""
WRONG_LIVE_SQL = (
    "SELECT v.id, v.live, c.refs FROM vector v JOIN content c ON c.id = v.content WHERE v.live != (c.refs > 0)"
)
WRONG_LENGTH_SQL = """
SELECT v.id, length(v.data), m.dims FROM vector v JOIN model m ON m.id = v.model WHERE length(v.data) != 2 * m.dims
"""
CLOCK_BEHIND_SQL = "SELECT max(v.seq), c.seq FROM vector v, clock c HAVING max(v.seq) > c.seq"


def store_findings(database: Database) -> Iterator[CheckFinding]:
    """All that does not fit inside the catalog."""
    for word in database.quick_check():
        yield CheckFinding("sqlite", None, word)
    for table, row, parent, _ in database.rows("PRAGMA foreign_key_check"):
        yield CheckFinding("reference", None, f"row {row} of {table} names a row of {parent} that there is not")
    for volume, state, reason, said, counted in database.rows(WRONG_TALLY_SQL):
        name = f"{state} {reason}".strip()
        yield CheckFinding("tally", None, f"volume {volume}: {said} files said to be {name}, {counted} counted")
    for content, said, counted in database.rows(WRONG_REFS_SQL):
        yield CheckFinding("refs", None, f"content {content}: {said} files said to hold it, {counted} counted")
    for vector, live, refs in database.rows(WRONG_LIVE_SQL):
        yield CheckFinding("live", None, f"vector {vector}: live is {live}, with {refs} files")
    for last, clock in database.rows(CLOCK_BEHIND_SQL):
        yield CheckFinding("clock", None, f"the change log reaches {last}, its clock says {clock}")
    yield from _misplaced_directories(database)
    step = 1 + int(database.value("SELECT count(*) FROM vector")) // SAMPLED_VECTORS
    for vector, word in bad_vectors(database, step):
        yield CheckFinding("vector", None, f"vector {vector}: {word}")


def _misplaced_directories(database: Database) -> Iterator[CheckFinding]:
    """Each directory belongs to the innermost volume around it."""
    innermost_first = list(reversed(all_volumes(database)))
    for path, volume in database.rows("SELECT path, volume FROM directory"):
        inner = next((one.id for one in innermost_first if at_or_inside(path, one.path)), None)
        if inner != volume:
            yield CheckFinding("placed", path, f"a directory of volume {inner}, held as one of {volume}")


def bad_vectors(database: Database, step: int) -> Iterator[tuple[int, str]]:
    """Vectors of the wrong size, or (of every `step`th) whose numbers are not those of a unit vector."""
    for vector, size, dims in database.rows(WRONG_LENGTH_SQL):
        yield vector, f"{size} bytes, its model has {dims} numbers"
    after = 0
    while rows := database.rows(
        "SELECT id, data FROM vector WHERE id > ? AND id % ? = 0 ORDER BY id LIMIT 1000", after, step
    ):
        yield from ((id_, "not of length 1") for id_, data in rows if len(data) % 2 == 0 and not _is_unit(data))
        after = rows[-1][0]


def _is_unit(data: bytes) -> bool:
    length = float(np.linalg.norm(np.frombuffer(data, "<f2").astype(np.float32)))
    return abs(length - 1) < LENGTH_TOLERANCE
