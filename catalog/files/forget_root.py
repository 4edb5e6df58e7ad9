"""Forget a dropped root: delete the rows of its files, in short transactions; choices on their contents stay."""

import time
from collections import Counter
from typing import NamedTuple

from catalog.errors import UsageError
from catalog.formatting import printable_path
from catalog.store.database import Database
from catalog.store.roots import INNER_VOLUMES_SQL, delete_counted_files, delete_root
from catalog.store.volumes import Volume, all_volumes

BATCH_FILES = 2000  # files in one transaction: the service waits for it
FILES_SQL = f"FROM directory d JOIN file f ON f.directory = d.id WHERE d.{INNER_VOLUMES_SQL}"
ELSEWHERE_SQL = (
    "EXISTS (SELECT 1 FROM file g JOIN directory e ON e.id = g.directory WHERE g.content = f.content"
    " AND g.state != 'gone' AND e.volume NOT IN (SELECT id FROM volume WHERE id = ? OR root = ?))"
)


class RootContents(NamedTuple):
    """What is known of a root. `vectors`: of images that are on no other root. `labels`: on contents of its files."""

    files: int
    vectors: int
    labels: int


def root_contents(database: Database, root: Volume) -> RootContents:
    """Count the files of a root, and the vectors and labels that depend on them."""
    of_root, ids = f"volume IN (SELECT id FROM volume WHERE id = {root.id} OR root = {root.id})", (root.id, root.id)
    return RootContents(
        int(database.value(f"SELECT coalesce(sum(files), 0) FROM tally WHERE {of_root}")),
        int(
            database.value(
                f"SELECT count(DISTINCT f.content) {FILES_SQL} AND f.state != 'gone' AND NOT {ELSEWHERE_SQL}"
                " AND EXISTS (SELECT 1 FROM vector x WHERE x.content = f.content)",
                *(*ids, *ids),
            )
        ),
        int(
            database.value(
                "SELECT count(*) FROM label l WHERE EXISTS (SELECT 1 FROM file f JOIN directory d ON d.id = f.directory"
                f" WHERE f.content = l.content AND d.{INNER_VOLUMES_SQL})",
                *ids,
            )
        ),
    )


def forget_root(database: Database, path: bytes) -> int:
    """Delete everything about a dropped root; return the number of files. Contents, vectors and labels stay.

    Vectors that no file needs any more are dead, as those of deleted files are. Raises UsageError if the root is not,
    or no longer, dropped; what was deleted until then is read again by the next scan.
    """
    files = 0
    while True:
        with database.transaction():
            root = dropped_root(database, path)
            if root is None:
                return files
            batch = database.rows(f"SELECT d.volume, d.id, f.id {FILES_SQL} LIMIT ?", root.id, root.id, BATCH_FILES)
            _delete_files(database, [(file,) for _, _, file in batch])
            for (volume, directory), count in Counter((volume, directory) for volume, directory, _ in batch).items():
                delete_counted_files(database, volume, directory, count)
            files += len(batch)
            if not batch:
                delete_root(database, root, time.time())
                return files


def _delete_files(database: Database, files: list[tuple[int]]) -> None:
    # Gone first: the triggers keep references, live vectors and counts.
    database.many("UPDATE file SET state = 'gone', reason = NULL, detail = NULL, due = NULL WHERE id = ?", files)
    database.many("DELETE FROM history WHERE file = ?", files)
    database.many("DELETE FROM file WHERE id = ?", files)


def dropped_root(database: Database, path: bytes) -> Volume | None:
    """Return the dropped root at a path, None if nothing is known of it. Raises UsageError if it is not dropped."""
    root = next((volume for volume in all_volumes(database) if (volume.path, volume.kind) == (path, "root")), None)
    if root is not None and not root.dropped:
        raise UsageError(
            f"{printable_path(path)} is in use again; the rest of it was not forgotten", "Repeat the command."
        )
    return root
