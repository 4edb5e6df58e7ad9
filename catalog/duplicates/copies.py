"""What the catalog knows of the files that hold a content, as candidates for being kept."""

from collections.abc import Iterator, Sequence
from typing import Any

from catalog.duplicates.best_copy import Candidate
from catalog.filesystem.paths import join
from catalog.store.database import Database

CHUNK = 500

FILES = """
SELECT f.content, d.path, f.name, c.bytes, c.format, c.width, c.height, c.camera,
  f.state, v.away IS NOT NULL, f.mtime_ns, d.volume, f.inode, c.suspect IS NOT NULL
FROM file f JOIN content c ON c.id = f.content
  JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume
WHERE f.content IN ({marks}) AND f.state IN ({states}) ORDER BY f.content, f.id
"""
HELD = "'ok', 'pending', 'rejected'"
SHOWN = "'ok'"

Evidence = dict[int, list[Candidate]]


def evidence(database: Database, contents: Sequence[int], states: str = SHOWN) -> Iterator[Evidence]:
    """The files of these contents, by content id, some 500 contents at a time. Contents without files are left out.

    `states`: SHOWN (ok files) or HELD (all that are not gone).
    """
    for start in range(0, len(contents), CHUNK):
        chunk = contents[start : start + CHUNK]
        found: Evidence = {}
        sql = FILES.format(marks=",".join("?" * len(chunk)), states=states)
        for content, folder, name, *rest in database.rows(sql, *chunk):
            found.setdefault(content, []).append(_candidate(folder, name, rest))
        yield {content: found[content] for content in chunk if content in found}


def _candidate(folder: bytes, name: bytes, rest: list[Any]) -> Candidate:
    path = join(folder, name)
    size, format, width, height, camera, state, away, mtime_ns, *place, suspect = rest
    known = (path, size, format, width, height, camera, state, bool(away), int(mtime_ns), *place, bool(suspect))
    return Candidate(*known)
