"""Which file a scrub reads next: the one whose bytes were read the longest time ago."""

from collections import deque

from catalog.filesystem.paths import join_path
from catalog.filesystem.stat_signature import Signature
from catalog.integrity.coverage import NO_CONTENT_REASONS, READ_AT_SQL, SETTLED_SQL
from catalog.store.database import Database
from daemon.scrub.reader import ScrubTarget
from models.decode.reason import VALIDATOR_VERSION, RejectReason

CHUNK_ROWS = 128
# Files whose reading ended with their reader's life. A scrub does not decode: it can hash them, whatever they do to it.
WORKER_DEATH_REASONS = (RejectReason.CRASH, RejectReason.SLOW, RejectReason.MEMORY)

FILE_READ_AT_SQL = READ_AT_SQL.replace("last_verified", "f.last_verified")
# Other files that are due are the intake's. The cursor is spelled out: SQLite searches no index of an expression
# by a row value.
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
# Through the table and not the index, whose order would have the disk look for every row by itself. total() and not
# sum(), which fails with "integer overflow" where two sparse files have 8 EiB each.
TOTAL_BYTES_SQL = f"""
SELECT total(size) FROM file NOT INDEXED WHERE {SETTLED_SQL} AND {READ_AT_SQL} < ? AND directory IN (
  SELECT d.id FROM directory d JOIN volume v ON v.id = d.volume WHERE v.away IS NULL)
"""


class ScrubQueue:
    """One round over all files that were last read before it began: each is handed out once."""

    def __init__(self, database: Database, began: float) -> None:
        self._database = database
        self._began = began
        self._after = (0.0, 0)
        self._waiting: deque[ScrubTarget] = deque()

    def work(self) -> int:
        """Bytes of all files of the round."""
        return int(self._database.value(TOTAL_BYTES_SQL, self._began))

    def peek(self) -> ScrubTarget | None:
        """The next file, or None once there is none."""
        if not self._waiting:
            self._fetch()
        return self._waiting[0] if self._waiting else None

    def pop(self) -> None:
        """The next file is dealt with."""
        self._waiting.popleft()

    def _fetch(self) -> None:
        rows = self._database.rows(OLDEST_SQL, *self._after, self._began)
        if rows:
            self._after = (rows[-1][9], rows[-1][0])
        for id_, directory, name, *seen, content, sha256, read_at, stale in rows:
            where = join_path(directory, name)
            self._waiting.append(ScrubTarget(id_, where, Signature(*seen), content, sha256, read_at, bool(stale)))
