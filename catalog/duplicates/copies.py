"""What the catalog knows of the files that hold a content, as candidates for being kept."""

from collections.abc import Iterator, Sequence
from typing import Any

from catalog.duplicates.best_copy import FileCopy
from catalog.filesystem.paths import join_path
from catalog.store.database import Database

CHUNK_CONTENTS = 500

COPIES_SQL = """
SELECT f.content, d.path, f.name, c.bytes, c.format, c.width, c.height, c.camera,
  f.state, v.away IS NOT NULL, f.mtime_ns, d.volume, f.inode, c.suspect IS NOT NULL
FROM file f JOIN content c ON c.id = f.content
  JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume
WHERE f.content IN ({marks}) AND f.state IN ({states}) ORDER BY f.content, f.id
"""
NOT_GONE_STATES = "'ok', 'pending', 'rejected'"
OK_STATES = "'ok'"

CopiesByContent = dict[int, list[FileCopy]]


def copies_by_content(
    database: Database, contents: Sequence[int], states: str = OK_STATES
) -> Iterator[CopiesByContent]:
    """The files of these contents, by content id, some 500 contents at a time. Contents without files are left out.

    `states`: SHOWN (ok files) or HELD (all that are not gone).
    """
    for start in range(0, len(contents), CHUNK_CONTENTS):
        chunk = contents[start : start + CHUNK_CONTENTS]
        found: CopiesByContent = {}
        sql = COPIES_SQL.format(marks=",".join("?" * len(chunk)), states=states)
        for content, folder, name, *rest in database.rows(sql, *chunk):
            found.setdefault(content, []).append(_file_copy(folder, name, rest))
        yield {content: found[content] for content in chunk if content in found}


def _file_copy(folder: bytes, name: bytes, rest: list[Any]) -> FileCopy:
    path = join_path(folder, name)
    size, format, width, height, camera, state, away, mtime_ns, *place, suspect = rest
    known = (path, size, format, width, height, camera, state, bool(away), int(mtime_ns), *place, bool(suspect))
    return FileCopy(*known)
