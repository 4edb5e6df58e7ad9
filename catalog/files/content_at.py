"""Which content the owner means by a path: what the catalog read there, if that is what stands there still."""

from catalog.filesystem.stat_signature import Signature, look, signature
from catalog.store.database import Database
from catalog.store.directories import split

ROW = (
    "SELECT f.state, f.size, f.mtime_ns, f.ctime_ns, f.inode, c.sha256, c.bytes FROM file f"
    " JOIN directory d ON d.id = f.directory LEFT JOIN content c ON c.id = f.content WHERE d.path = ? AND f.name = ?"
)


def content_at(database: Database, path: bytes) -> tuple[bytes, int] | str:
    """The content at a path (sha256, bytes), or in words why none can be told.

    What cannot be looked at now, on a disk that is away, is what it was.
    """
    row = database.row(ROW, *split(path))
    if row is None or row[0] == "gone":
        return "is not in the catalog"
    if row[0] == "pending" or row[5] is None:
        return "was not read yet"
    try:
        found = look(path)
    except OSError:
        found = None
    if found is not None and signature(found).stamp != Signature(*row[1:5]).stamp:
        return "changed since it was read"
    return row[5], row[6]
