"""What was learned by reading a file, written into the catalog. All of it inside the writer's transaction.

Every change holds only while the row still carries the signature that was read: a file that changed meanwhile
has a newer sighting, stays pending, and is read again.
"""

from typing import NamedTuple

from catalog.files.history import NO_COMPARISON, UNCHANGED_FILE, ReadOutcome, record_content_change
from catalog.filesystem.stat_signature import Signature
from catalog.store.database import Database
from catalog.verdict.case import ContentComparison, Verdict
from models.decode.reason import VALIDATOR_VERSION, RejectReason


class ImageFacts(NamedTuple):
    """What decoding told of a content."""

    format: str | None
    width: int | None
    height: int | None
    taken_at: str | None = None
    camera: str | None = None
    note: str = ""
    suspect: str = ""  # why the picture may be damaged although it decodes
    picture: bytes | None = None  # digest of the decoded pixels
    detail: float | None = None  # models.fit

    def columns(self) -> tuple[object, ...]:
        """As stored, in the order of `TOLD`."""
        shown = (self.format, self.width, self.height, self.taken_at, self.camera)
        return (
            *shown,
            self.note or None,
            self.suspect or None,
            self.picture,
            self.detail,
            VALIDATOR_VERSION if self.format else 0,
        )


FACT_COLUMNS = ("format", "width", "height", "taken_at", "camera", "note", "suspect", "picture", "detail", "proof")


def ensure_content(
    database: Database, sha256: bytes, size: int, facts: ImageFacts | None, blocks: bytes | None = None
) -> int:
    """The row of a content, made or completed. `blocks`: its checksums, where the bytes were in memory."""
    found = database.value("SELECT id FROM content WHERE sha256 = ?", sha256)
    if found is None:
        known = facts or ImageFacts(None, None, None)
        found = database.value(
            f"INSERT INTO content(sha256, bytes, blocks, {', '.join(FACT_COLUMNS)})"
            f" VALUES (?, ?, ?{', ?' * len(FACT_COLUMNS)}) RETURNING id",
            *(sha256, size, blocks, *known.columns()),
        )
    elif facts is not None:
        told = ", ".join(f"{name} = ?" for name in FACT_COLUMNS)
        database.run(
            f"UPDATE content SET {told}, blocks = coalesce(?, blocks) WHERE id = ?", *facts.columns(), blocks, found
        )
    return int(found)


def add_vector(database: Database, content: int, model: int, data: bytes) -> None:
    """Store a vector at the head of the change log. A second one for the same content and model is dropped."""
    database.run("UPDATE clock SET seq = seq + 1")
    database.run(
        "INSERT INTO vector(content, model, seq, live, data)"
        " SELECT id, ?, (SELECT seq FROM clock), refs > 0, ? FROM content WHERE id = ? ON CONFLICT DO NOTHING",
        *(model, data, content),
    )


def accept_file(
    database: Database,
    file: int,
    seen: Signature,
    content: int,
    now: float,
    comparison: ContentComparison = NO_COMPARISON,
) -> Verdict | None:
    """The file was read, is well, and its content has a vector. Returns the verdict, where known bytes changed."""
    verdict = record_content_change(database, file, seen, content, now, ReadOutcome(comparison=comparison))
    database.run(
        "UPDATE file SET state = 'ok', reason = NULL, detail = NULL, attempts = 0, due = NULL, betrayed = 0,"
        f" content = ?, last_verified = ? WHERE {UNCHANGED_FILE}",
        *(content, now, file, *seen.stamp),
    )
    return verdict


def reject_file(
    database: Database,
    file: int,
    seen: Signature,
    reason: RejectReason,
    detail: str,
    content: int | None,
    now: float,
    due: float | None = None,
    comparison: ContentComparison = NO_COMPARISON,
) -> Verdict | None:
    """The file cannot be embedded, and why. `due`: when to try again, for what may heal by itself."""
    verdict = None
    if content is not None:
        verdict = record_content_change(database, file, seen, content, now, ReadOutcome(reason, detail, comparison))
    database.run(
        "UPDATE file SET state = 'rejected', reason = ?, detail = ?, attempts = attempts + 1, due = ?,"
        " betrayed = iif(? IS NULL, betrayed, 0),"
        f" content = coalesce(?, content), last_verified = iif(? IS NULL, last_verified, ?) WHERE {UNCHANGED_FILE}",
        *(reason, detail or None, due, content, content, content, now, file, *seen.stamp),
    )
    return verdict


def postpone_reading(database: Database, file: int, seen: Signature, due: float, failed: bool) -> None:
    """Read it later: it was changing, or its reader failed (`failed` counts an attempt)."""
    database.run(
        "UPDATE file SET due = ?, attempts = attempts + ?, size = ?, mtime_ns = ?, ctime_ns = ?, inode = ?,"
        " betrayed = betrayed AND (size, mtime_ns, ctime_ns) = (?, ?, ?) WHERE id = ? AND state != 'gone'",
        *(due, int(failed), *seen, *seen.stamp, file),
    )


def declare_gone(database: Database, file: int) -> None:
    """Record that no file stands at this path any more; the row keeps its content."""
    database.run("UPDATE file SET state = 'gone', reason = NULL, detail = NULL, due = NULL WHERE id = ?", file)


def count_attempt(database: Database, file: int) -> int:
    """Count a failed attempt to read a pending file; return how many there were, 0 for a file that is not pending."""
    database.run("UPDATE file SET attempts = attempts + 1 WHERE id = ? AND state = 'pending'", file)
    return int(database.value("SELECT attempts FROM file WHERE id = ? AND state = 'pending'", file) or 0)


def give_up(database: Database, file: int, reason: RejectReason, detail: str, due: float) -> None:
    """Reject a pending file that could not be read to its end. `due`: when to try again, seconds since the epoch."""
    database.run(
        "UPDATE file SET state = 'rejected', reason = ?, detail = ?, due = ? WHERE id = ? AND state = 'pending'",
        *(reason, detail, due, file),
    )
