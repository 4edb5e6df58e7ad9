"""What a scrub learned of a file, written into the catalog. All of it inside the writer's transaction.

Each change holds only while the row is what the scrub set out with: the same stamp, and the same content.
"""

from catalog.files.results import content_id, reject
from catalog.filesystem.stat_signature import Signature
from catalog.integrity.coverage import READ_AT, SETTLED, SKEW
from catalog.integrity.scrub_runs import BETRAYED
from catalog.store.database import Database
from catalog.store.events import note
from models.decode.reason import Reason

SAME = "id = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ? AND content IS ? AND state IN ('ok', 'rejected')"
AGAIN = "state = 'pending', reason = NULL, detail = NULL, attempts = 0, due = ?"


def verify(database: Database, file: int, seen: Signature, content: int, now: float, *, stale: bool) -> bool:
    """The bytes are those that are known. `stale`: validators of an older version passed them, so decode them again."""
    again = f", {AGAIN}" if stale else ""
    values = (now, now) if stale else (now,)
    return bool(
        database.run(f"UPDATE file SET last_verified = ?{again} WHERE {SAME}", *values, file, *seen.stamp, content)
    )


def betray(database: Database, file: int, path: bytes, seen: Signature, content: int, now: float) -> bool:
    """Other bytes stand behind an unchanged stamp: read the file again at once, and judge what became of it."""
    changed = database.run(f"UPDATE file SET {AGAIN}, betrayed = 1 WHERE {SAME}", now, file, *seen.stamp, content)
    if changed:
        digest = database.value("SELECT lower(hex(sha256)) FROM content WHERE id = ?", content)
        note(database, now, BETRAYED, path, f"no longer {digest}")
    return bool(changed)


def identify(database: Database, file: int, seen: Signature, sha256: bytes, now: float) -> bool:
    """The first hash of a file that no decoder survived: from now on its bytes are guarded like all others."""
    row = database.row(f"SELECT reason, detail, due FROM file WHERE {SAME}", file, *seen.stamp, None)
    if row is None or row[0] is None:
        return False
    content = content_id(database, sha256, seen.size, None)
    reject(database, file, seen, Reason(row[0]), row[1] or "", content, now, row[2])
    return True


def doubt(database: Database, now: float) -> int:
    """Readings that lie in the future were dated by a wrong clock: they would keep their files unread for as long."""
    return database.run(f"UPDATE file SET last_verified = NULL WHERE {SETTLED} AND {READ_AT} > ?", now + SKEW)
