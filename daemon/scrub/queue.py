"""The queue of files to scrub, least recently read first."""

from collections import deque

from catalog.filesystem.paths import join_path
from catalog.filesystem.stat_signature import Signature
from catalog.integrity.coverage import NO_CONTENT_REASONS, READ_AT_SQL, SETTLED_SQL
from catalog.store.database import Database
from daemon.scrub.reader import ScrubTarget
from models.decode.reason import VALIDATOR_VERSION, RejectReason

CHUNK_ROWS = 128
# Files over which a worker died. A scrub can hash them all the same, since it does not decode.
WORKER_DEATH_REASONS = (RejectReason.CRASH, RejectReason.SLOW, RejectReason.MEMORY)

FILE_READ_AT_SQL = READ_AT_SQL.replace("last_verified", "f.last_verified")
# All other files that are due are left to the intake. The cursor is spelled out: SQLite does not search an index on
# an expression by a row value.
OLDEST_SQL = f"""
SELECT f.id, d.path, f.name, f.size, f.mtime_ns, f.ctime_ns, f.inode, f.content, c.sha256,
  {FILE_READ_AT_SQL}, coalesce(c.proof, 0) < {VALIDATOR_VERSION} AND f.state = 'ok'
FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume
  LEFT JOIN content c ON c.id = f.content
WHERE f.{SETTLED_SQL} AND {FILE_READ_AT_SQL} >= ?1 AND ({FILE_READ_AT_SQL} > ?1 OR f.id > ?2)
  AND {FILE_READ_AT_SQL} < ?3 AND v.away IS NULL
  AND coalesce(f.reason, '') NOT IN ({", ".join(f"'{reason}'" for reason in NO_CONTENT_REASONS)})
  AND (f.due IS NULL OR f.reason IN ({", ".join(f"'{reason}'" for reason in WORKER_DEATH_REASONS)}))
ORDER BY {FILE_READ_AT_SQL}, f.id LIMIT {CHUNK_ROWS}
"""
# NOT INDEXED: in the order of the index, the disk would have to seek for every row. total(), not sum(): with two sparse
# files of 8 EiB each, sum() fails with "integer overflow".
TOTAL_BYTES_SQL = f"""
SELECT total(size) FROM file NOT INDEXED WHERE {SETTLED_SQL} AND {READ_AT_SQL} < ? AND directory IN (
  SELECT d.id FROM directory d JOIN volume v ON v.id = d.volume WHERE v.away IS NULL)
"""


class ScrubQueue:
    """One round over all files that were last read before it began; each file comes once."""

    def __init__(self, database: Database, began: float) -> None:
        self._database = database
        self._began = began
        self._cursor = (0.0, 0)  # when the last fetched file was read, and its row id
        self._waiting: deque[ScrubTarget] = deque()

    def total_bytes(self) -> int:
        """Return the size of all files of the round."""
        return int(self._database.value(TOTAL_BYTES_SQL, self._began))

    def peek(self) -> ScrubTarget | None:
        """Return the next file without removing it, or None at the end of the round."""
        if not self._waiting:
            self._fetch()
        return self._waiting[0] if self._waiting else None

    def pop(self) -> None:
        """Remove the next file."""
        self._waiting.popleft()

    def _fetch(self) -> None:
        rows = self._database.rows(OLDEST_SQL, *self._cursor, self._began)
        for file, directory, name, *signature, content, sha256, read_at, stale in rows:
            path = join_path(directory, name)
            self._waiting.append(ScrubTarget(file, path, Signature(*signature), content, sha256, read_at, bool(stale)))
            self._cursor = (read_at, file)
