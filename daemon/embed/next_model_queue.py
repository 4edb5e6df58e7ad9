"""What the next model has not embedded yet, handed out to readers: labelled contents first, then newest first.

Nothing is queued: what is left is what has no vector, so a restart goes on where the last one stopped.
"""

from collections.abc import Callable
from pathlib import Path

from catalog.filesystem.paths import join
from catalog.filesystem.stat_signature import Signature
from catalog.store.database import Database
from daemon.intake.queue import Handout
from daemon.messages import Task

CHUNK = 64

OWED = (
    "SELECT c.id, f.id, d.path, f.name, f.size, f.mtime_ns, f.ctime_ns, f.inode"
    " FROM {source} JOIN file f ON f.content = c.id AND f.state = 'ok'"
    " JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume AND v.away IS NULL"
    " WHERE c.id > ? AND c.id < ? AND c.refs > 0"
    " AND NOT EXISTS (SELECT 1 FROM vector WHERE content = c.id AND model = ?)"
    " GROUP BY c.id ORDER BY c.id DESC LIMIT ?"
)
LABELLED = OWED.format(source="label l JOIN content c ON c.id = l.content")
EVERY = OWED.format(source="content c")
END = 1 << 62


class Backlog(Handout):
    """A feed of the next model's intake. `take` belongs to one thread.

    Rounds go down through the contents; the next one begins where the last began, and finds what came meanwhile.
    """

    def __init__(self, path: Path, model: int, busy: Callable[[], bool]) -> None:
        """`busy`: whether new files wait to be read; they go first."""
        super().__init__()
        self._busy = busy
        self._database = Database(path, write=False)
        self._model = model
        self._sql, self._floor, self._below = LABELLED, 0, END
        self._top = 0  # the newest content that this round has met
        self._waiting: list[Task] = []
        self.level = False  # the last round found nothing

    def take(self) -> Task | None:
        """The next task; None while nothing is owed."""
        if self._busy():
            return None
        if not self._waiting:
            self._fetch()
        return self._waiting.pop() if self._waiting else None

    def _fetch(self) -> None:
        held = self.held()
        rows = self._database.rows(self._sql, self._floor, self._below, self._model, CHUNK)
        if rows:
            self._below = rows[-1][0]
            self._top = max(self._top, rows[0][0])
            tasks = [Task(row[1], join(row[2], row[3]), Signature(*row[4:8]), 0) for row in rows]
            self.level = False
            self._waiting = self.claim(tasks, held)[::-1]
            return
        started_anew = self._below == END
        if self._sql is LABELLED:
            self._sql = EVERY
        else:
            self._floor = max(self._floor, self._top)
            self.level = started_anew
        self._below = END
