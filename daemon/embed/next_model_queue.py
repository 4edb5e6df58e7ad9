"""What the next model has not embedded yet, handed out to readers: labelled contents first, then newest first.

Nothing is queued: what is left is what has no vector, so a restart goes on where the last one stopped.
"""

from collections.abc import Callable
from pathlib import Path

from catalog.filesystem.paths import join_path
from catalog.filesystem.stat_signature import Signature
from catalog.store.database import Database
from daemon.intake.queue import ClaimTracker
from daemon.messages import ReadTask

CHUNK_ROWS = 64

MISSING_VECTORS_SQL = (
    "SELECT c.id, f.id, d.path, f.name, f.size, f.mtime_ns, f.ctime_ns, f.inode"
    " FROM {source} JOIN file f ON f.content = c.id AND f.state = 'ok'"
    " JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume AND v.away IS NULL"
    " WHERE c.id > ? AND c.id < ? AND c.refs > 0"
    " AND NOT EXISTS (SELECT 1 FROM vector WHERE content = c.id AND model = ?)"
    " GROUP BY c.id ORDER BY c.id DESC LIMIT ?"
)
LABELLED_CONTENTS_SQL = MISSING_VECTORS_SQL.format(source="label l JOIN content c ON c.id = l.content")
ALL_CONTENTS_SQL = MISSING_VECTORS_SQL.format(source="content c")
BEYOND_LAST_ID = 1 << 62


class NextModelQueue(ClaimTracker):
    """A feed of the next model's intake. `take` belongs to one thread.

    Rounds go down through the contents; the next one begins where the last began, and finds what came meanwhile.
    """

    def __init__(self, path: Path, model: int, busy: Callable[[], bool]) -> None:
        """`busy`: whether new files wait to be read; they go first."""
        super().__init__()
        self._busy = busy
        self._database = Database(path, write=False)
        self._model = model
        self._sql, self._floor, self._below = LABELLED_CONTENTS_SQL, 0, BEYOND_LAST_ID
        self._top = 0  # the newest content that this round has met
        self._waiting: list[ReadTask] = []
        self.level = False  # the last round found nothing

    def take(self) -> ReadTask | None:
        """The next task; None while nothing is owed."""
        if self._busy():
            return None
        if not self._waiting:
            self._fetch()
        return self._waiting.pop() if self._waiting else None

    def _fetch(self) -> None:
        held = self.held()
        rows = self._database.rows(self._sql, self._floor, self._below, self._model, CHUNK_ROWS)
        if rows:
            self._below = rows[-1][0]
            self._top = max(self._top, rows[0][0])
            tasks = [ReadTask(row[1], join_path(row[2], row[3]), Signature(*row[4:8]), 0) for row in rows]
            self.level = False
            self._waiting = self.claim(tasks, held)[::-1]
            return
        started_anew = self._below == BEYOND_LAST_ID
        if self._sql is LABELLED_CONTENTS_SQL:
            self._sql = ALL_CONTENTS_SQL
        else:
            self._floor = max(self._floor, self._top)
            self.level = started_anew
        self._below = BEYOND_LAST_ID
