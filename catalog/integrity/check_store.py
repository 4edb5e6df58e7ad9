"""Check the catalog against itself: derived data must match its source."""

from collections.abc import Iterator

import numpy as np

from catalog.filesystem.paths import at_or_inside
from catalog.integrity.check_row import CheckFinding
from catalog.store.database import Database
from catalog.store.volumes import all_volumes

SAMPLED_VECTORS = 10_000  # vectors whose length is computed
LENGTH_TOLERANCE = 0.01  # of a stored float16 vector's length from 1

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
    """Yield all contradictions within the catalog."""
    for problem in database.quick_check():
        yield CheckFinding("sqlite", None, problem)
    for table, row, parent, _ in database.rows("PRAGMA foreign_key_check"):
        yield CheckFinding("reference", None, f"row {row} of {table} refers to a missing row of {parent}")
    for volume, state, reason, recorded, counted in database.rows(WRONG_TALLY_SQL):
        name = f"{state} {reason}".strip()
        yield CheckFinding(
            "tally", None, f"volume {volume}: the tally has {recorded} files {name}, but {counted} exist"
        )
    for content, recorded, counted in database.rows(WRONG_REFS_SQL):
        yield CheckFinding("refs", None, f"content {content}: refs is {recorded}, but {counted} files have it")
    for vector, live, refs in database.rows(WRONG_LIVE_SQL):
        yield CheckFinding("live", None, f"vector {vector}: live is {live}, with {refs} files")
    for last, clock in database.rows(CLOCK_BEHIND_SQL):
        yield CheckFinding("clock", None, f"the change log reaches {last}, but its counter is at {clock}")
    yield from _misplaced_directories(database)
    step = 1 + int(database.value("SELECT count(*) FROM vector")) // SAMPLED_VECTORS
    for vector, problem in bad_vectors(database, step):
        yield CheckFinding("vector", None, f"vector {vector}: {problem}")


def _misplaced_directories(database: Database) -> Iterator[CheckFinding]:
    """Yield the directories that do not belong to their innermost volume."""
    innermost_first = list(reversed(all_volumes(database)))
    for path, volume in database.rows("SELECT path, volume FROM directory"):
        inner = next((one.id for one in innermost_first if at_or_inside(path, one.path)), None)
        if inner != volume:
            yield CheckFinding("placed", path, f"a directory of volume {inner}, but recorded for {volume}")


def bad_vectors(database: Database, step: int) -> Iterator[tuple[int, str]]:
    """Yield the id and problem of vectors of the wrong size, and of every `step`th that is not a unit vector."""
    for vector, size, dims in database.rows(WRONG_LENGTH_SQL):
        yield vector, f"{size} bytes, but its model has {dims} dimensions"
    last = 0
    while rows := database.rows(
        "SELECT id, data FROM vector WHERE id > ? AND id % ? = 0 ORDER BY id LIMIT 1000", last, step
    ):
        yield from ((vector, "not of length 1") for vector, data in rows if len(data) % 2 == 0 and not _is_unit(data))
        last, _ = rows[-1]


def _is_unit(data: bytes) -> bool:
    length = float(np.linalg.norm(np.frombuffer(data, "<f2").astype(np.float32)))
    return abs(length - 1) < LENGTH_TOLERANCE
