"""Query the files that hold a content, with what ranks them as copies to keep."""

from collections.abc import Iterator, Sequence

from catalog.duplicates.best_copy import FileCopy
from catalog.filesystem.paths import join_path
from catalog.store.database import Database
from catalog.store.volumes import NOT_DROPPED_SQL

CHUNK_CONTENTS = 500

COPIES_SQL = """
SELECT f.content, d.path, f.name, c.bytes, c.format, c.width, c.height, c.camera,
  f.state, v.away IS NOT NULL, f.mtime_ns, d.volume, f.inode, c.suspect IS NOT NULL
FROM file f JOIN content c ON c.id = f.content
  JOIN directory d ON d.id = f.directory JOIN volume v ON v.id = d.volume
WHERE f.content IN ({marks}) AND f.state IN ({states}) AND {present} ORDER BY f.content, f.id
"""
NOT_GONE_STATES = "'ok', 'pending', 'rejected'"
OK_STATES = "'ok'"

CopiesByContent = dict[int, list[FileCopy]]


def copies_by_content(
    database: Database, contents: Sequence[int], states: str = OK_STATES
) -> Iterator[CopiesByContent]:
    """Yield the files of these contents by content id, up to 500 contents at a time.

    Contents without files and files of dropped roots are skipped. `states`: OK_STATES or NOT_GONE_STATES.
    """
    for start in range(0, len(contents), CHUNK_CONTENTS):
        chunk = contents[start : start + CHUNK_CONTENTS]
        found: CopiesByContent = {}
        sql = COPIES_SQL.format(marks=",".join("?" * len(chunk)), states=states, present=NOT_DROPPED_SQL)
        for content, folder, name, *facts, away, mtime_ns, volume, inode, suspect in database.rows(sql, *chunk):
            copy = FileCopy(*(join_path(folder, name), *facts, bool(away), int(mtime_ns), volume, inode, bool(suspect)))
            found.setdefault(content, []).append(copy)
        yield {content: found[content] for content in chunk if content in found}
