"""Which file a scrub reads next: the one whose bytes were read the longest time ago."""

from collections import deque

from catalog.filesystem.paths import join
from catalog.filesystem.stat_signature import Signature
from catalog.integrity.coverage import BYTELESS, READ_AT, SETTLED
from catalog.store.database import Database
from daemon.scrub.reader import Target
from models.decode.reason import PROOF, Reason

ROWS = 128
# Files whose reading ended with their reader's life. A scrub does not decode: it can hash them, whatever they do to it.
HARMFUL = (Reason.CRASH, Reason.SLOW, Reason.MEMORY)

READ = READ_AT.replace("last_verified", "f.last_verified")
# Other files that are due are the intake's. The cursor is spelled out: SQLite searches no index of an expression
# by a row value.
OLDEST = f"""
SELECT f.id, d.path, f.name, f.size, f.mtime_ns, f.ctime_ns, f.inode, f.content, c.sha256,
  {READ}, coalesce(c.proof, 0) < {PROOF} AND f.state = 'ok'
FROM file f JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume
  LEFT JOIN content c ON c.id = f.content
WHERE f.{SETTLED} AND {READ} >= ?1 AND ({READ} > ?1 OR f.id > ?2) AND {READ} < ?3 AND v.away IS NULL
  AND coalesce(f.reason, '') NOT IN ({", ".join(f"'{reason}'" for reason in BYTELESS)})
  AND (f.due IS NULL OR f.reason IN ({", ".join(f"'{reason}'" for reason in HARMFUL)}))
ORDER BY {READ}, f.id LIMIT {ROWS}
"""
# Through the table and not the index, whose order would have the disk look for every row by itself. total() and not
# sum(), which fails with "integer overflow" where two sparse files have 8 EiB each.
WORK = f"""
SELECT total(size) FROM file NOT INDEXED WHERE {SETTLED} AND {READ_AT} < ? AND directory IN (
  SELECT d.id FROM directory d JOIN volume v ON v.id = d.volume WHERE v.away IS NULL)
"""


class ScrubFeed:
    """One round over all files that were last read before it began: each is handed out once."""

    def __init__(self, database: Database, began: float) -> None:
        self._database = database
        self._began = began
        self._after = (0.0, 0)
        self._waiting: deque[Target] = deque()

    def work(self) -> int:
        """Bytes of all files of the round."""
        return int(self._database.value(WORK, self._began))

    def peek(self) -> Target | None:
        """The next file, or None once there is none."""
        if not self._waiting:
            self._fetch()
        return self._waiting[0] if self._waiting else None

    def pop(self) -> None:
        """The next file is dealt with."""
        self._waiting.popleft()

    def _fetch(self) -> None:
        rows = self._database.rows(OLDEST, *self._after, self._began)
        if rows:
            self._after = (rows[-1][9], rows[-1][0])
        for id_, directory, name, *seen, content, sha256, read_at, stale in rows:
            where = join(directory, name)
            self._waiting.append(Target(id_, where, Signature(*seen), content, sha256, read_at, bool(stale)))
