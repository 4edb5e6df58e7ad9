"""Query the files that hold a content, with what ranks them as copies to keep."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from catalog.duplicates.best_copy import FileCopy, NameKey
from catalog.duplicates.disk_layout import DiskLayout, disk_layout
from catalog.filesystem.paths import join_path
from catalog.filesystem.same_disk import directory_entries
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
    database: Database, contents: Sequence[int], states: str = OK_STATES, layout: DiskLayout | None = None
) -> Iterator[CopiesByContent]:
    """Yield the files of these contents by content id, up to 500 contents at a time.

    Contents without files and files of dropped roots are skipped. `states`: OK_STATES or NOT_GONE_STATES. `layout`: the
    disks, if the caller has looked at them already.
    """
    disks = disk_layout(database) if layout is None else layout
    for start in range(0, len(contents), CHUNK_CONTENTS):
        chunk = contents[start : start + CHUNK_CONTENTS]
        found: CopiesByContent = {}
        sql = COPIES_SQL.format(marks=",".join("?" * len(chunk)), states=states, present=NOT_DROPPED_SQL)
        for content, folder, name, *facts, away, mtime_ns, volume, inode, suspect in database.rows(sql, *chunk):
            where = bool(away), int(mtime_ns), disks.inode_space(volume, folder), inode, bool(suspect)
            snapshot = not away and disks.in_snapshot(volume, folder)
            found.setdefault(content, []).append(FileCopy(*(join_path(folder, name), *facts, *where, snapshot)))
        yield {content: with_entries(found[content]) for content in chunk if content in found}


def with_entries(copies: list[FileCopy]) -> list[FileCopy]:
    """Return the copies with the directory entries of those that share an inode: hard links, or one file by two paths.

    Without a shared inode, no folder is looked at.
    """
    counts = Counter(copy.inode_key for copy in copies)
    by_inode: dict[tuple[int, int], list[bytes]] = {}
    for copy in copies:
        if counts[copy.inode_key] > 1 and not copy.away:
            by_inode.setdefault(copy.inode_key, []).append(copy.path)
    entries = {path: entry for paths in by_inode.values() for path, entry in directory_entries(paths).items()}
    return [replace(copy, entry=entries[copy.path]) if copy.path in entries else copy for copy in copies]


def distinct_names(copies: Iterable[FileCopy]) -> list[FileCopy]:
    """Return the first copy of each name: of a file that is reached by two paths, only the first path."""
    first: dict[NameKey, FileCopy] = {}
    for copy in copies:
        first.setdefault(copy.name_key, copy)
    return list(first.values())
