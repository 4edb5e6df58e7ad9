"""The queue of the next model: contents that it has not embedded yet, labelled ones first, then the newest first.

Nothing is stored: a content without a vector is in the queue, so a restart continues where the last one stopped.
"""

from collections.abc import Callable
from pathlib import Path

from catalog.filesystem.paths import join_path
from catalog.filesystem.stat_signature import Signature
from catalog.store.database import Database
from daemon.intake.queue import TaskQueue
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


class NextModelQueue(TaskQueue):
    """The task source of the next model's worker pool. `take` belongs to one thread.

    A round descends through the ids of contents. The next round ends where this one began: at the contents added since.
    """

    def __init__(self, path: Path, model: int, is_reading: Callable[[], bool]) -> None:
        """`is_reading`: whether the current model has files to read; those go first."""
        super().__init__()
        self._is_reading = is_reading
        self._database = Database(path, write=False)
        self._model = model
        self._sql, self._floor, self._below = LABELLED_CONTENTS_SQL, 0, BEYOND_LAST_ID
        self._newest = 0  # highest content id seen in this round
        self.caught_up = False  # the last round found nothing

    def take(self) -> ReadTask | None:
        """Return the next task, or None while there is none."""
        return None if self._is_reading() else super().take()

    def _fetch(self) -> None:
        claimed = self.claimed()
        rows = self._database.rows(self._sql, self._floor, self._below, self._model, CHUNK_ROWS)
        tasks = []
        for content, file, directory, name, *signature in rows:
            tasks.append(ReadTask(file, join_path(directory, name), Signature(*signature), 0))
            self._newest, self._below = max(self._newest, content), content
        if tasks:
            self.caught_up = False
            self._waiting = self.claim(tasks, claimed)[::-1]
            return
        is_first_query = self._below == BEYOND_LAST_ID
        if self._sql is LABELLED_CONTENTS_SQL:
            self._sql = ALL_CONTENTS_SQL
        else:
            self._floor = max(self._floor, self._newest)
            self.caught_up = is_first_query
        self._below = BEYOND_LAST_ID
