"""What a scrub learned of a file, written into the catalog. All of it inside the writer's transaction.

Each change holds only while the row is what the scrub set out with: the same stamp, and the same content.
"""

from catalog.files.results import ensure_content, reject_file
from catalog.filesystem.stat_signature import Signature
from catalog.integrity.coverage import MAX_CLOCK_SKEW_SECONDS, READ_AT_SQL, SETTLED_SQL
from catalog.integrity.scrub_runs import HASH_MISMATCH_KIND
from catalog.store.database import Database
from catalog.store.events import record_event
from models.decode.reason import RejectReason

UNCHANGED_ROW_SQL = (
    "id = ? AND size = ? AND mtime_ns = ? AND ctime_ns = ? AND content IS ? AND state IN ('ok', 'rejected')"
)
RESET_TO_PENDING_SQL = "state = 'pending', reason = NULL, detail = NULL, attempts = 0, due = ?"


def record_verified(database: Database, file: int, seen: Signature, content: int, now: float, *, stale: bool) -> bool:
    """The bytes are those that are known. `stale`: validators of an older version passed them, so decode them again."""
    again = f", {RESET_TO_PENDING_SQL}" if stale else ""
    values = (now, now) if stale else (now,)
    return bool(
        database.run(
            f"UPDATE file SET last_verified = ?{again} WHERE {UNCHANGED_ROW_SQL}", *values, file, *seen.stamp, content
        )
    )


def record_hash_mismatch(database: Database, file: int, path: bytes, seen: Signature, content: int, now: float) -> bool:
    """Other bytes stand behind an unchanged stamp: read the file again at once, and judge what became of it."""
    changed = database.run(
        f"UPDATE file SET {RESET_TO_PENDING_SQL}, betrayed = 1 WHERE {UNCHANGED_ROW_SQL}",
        now,
        file,
        *seen.stamp,
        content,
    )
    if changed:
        digest = database.value("SELECT lower(hex(sha256)) FROM content WHERE id = ?", content)
        record_event(database, now, HASH_MISMATCH_KIND, path, f"no longer {digest}")
    return bool(changed)


def record_first_hash(database: Database, file: int, seen: Signature, sha256: bytes, now: float) -> bool:
    """The first hash of a file that no decoder survived: from now on its bytes are guarded like all others."""
    row = database.row(f"SELECT reason, detail, due FROM file WHERE {UNCHANGED_ROW_SQL}", file, *seen.stamp, None)
    if row is None or row[0] is None:
        return False
    content = ensure_content(database, sha256, seen.size, None)
    reject_file(database, file, seen, RejectReason(row[0]), row[1] or "", content, now, row[2])
    return True


def clear_future_readings(database: Database, now: float) -> int:
    """Readings that lie in the future were dated by a wrong clock: they would keep their files unread for as long."""
    return database.run(
        f"UPDATE file SET last_verified = NULL WHERE {SETTLED_SQL} AND {READ_AT_SQL} > ?", now + MAX_CLOCK_SKEW_SECONDS
    )
