"""Record in the catalog what a scrub found for a file. Everything here runs inside the writer's transaction.

A change applies only while the row is as the scrub read it: with the same stat signature and the same content.
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
    """Record that the bytes match the catalog; return whether the row was still the same.

    `stale`: an older version of the validators accepted the file, so decode it again.
    """
    reset = f", {RESET_TO_PENDING_SQL}" if stale else ""
    values = (now, now) if stale else (now,)
    return bool(
        database.run(
            f"UPDATE file SET last_verified = ?{reset} WHERE {UNCHANGED_ROW_SQL}", *values, file, *seen.stamp, content
        )
    )


def record_hash_mismatch(database: Database, file: int, path: bytes, seen: Signature, content: int, now: float) -> bool:
    """Record other bytes behind an unchanged signature, and have the file read again at once for a verdict.

    Returns whether the row was still the same.
    """
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
    """Record the first hash of a file that crashed every decoder, so that later scrubs verify it like any other.

    Returns whether the row was still the same.
    """
    row = database.row(f"SELECT reason, detail, due FROM file WHERE {UNCHANGED_ROW_SQL}", file, *seen.stamp, None)
    reason, detail, due = row or (None, None, None)
    if reason is None:
        return False
    content = ensure_content(database, sha256, seen.size, None)
    reject_file(database, file, seen, RejectReason(reason), detail or "", content, now, due)
    return True


def clear_future_readings(database: Database, now: float) -> int:
    """Clear readings dated in the future by a wrong clock, which would keep their files unread; return how many."""
    return database.run(
        f"UPDATE file SET last_verified = NULL WHERE {SETTLED_SQL} AND {READ_AT_SQL} > ?", now + MAX_CLOCK_SKEW_SECONDS
    )
