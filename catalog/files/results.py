"""Record the results of reading files. Call inside the writer's transaction.

A result is recorded only if the row still has the signature of the bytes that were read. A file that changed meanwhile
has a newer sighting, stays pending, and is read again.
"""

from typing import NamedTuple

from catalog.files.history import NO_COMPARISON, UNCHANGED_FILE, ReadOutcome, record_content_change
from catalog.filesystem.stat_signature import Signature
from catalog.store.database import Database
from catalog.verdict.case import ContentComparison, Verdict
from models.decode.reason import VALIDATOR_VERSION, RejectReason


class ImageFacts(NamedTuple):
    """Facts about a content from decoding it."""

    format: str | None
    width: int | None
    height: int | None
    taken_at: str | None = None
    camera: str | None = None
    note: str = ""
    suspect: str = ""  # why the image may be damaged although it decodes
    picture: bytes | None = None  # digest of the decoded pixels
    detail: float | None = None  # amount of fine detail (models.fit)

    def columns(self) -> tuple[object, ...]:
        """Return the values of FACT_COLUMNS."""
        return (
            self.format,
            self.width,
            self.height,
            self.taken_at,
            self.camera,
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
    """Insert or complete the row of a content; return its id. `blocks`: block checksums, if they were computed."""
    id_ = database.value("SELECT id FROM content WHERE sha256 = ?", sha256)
    if id_ is None:
        known = facts or ImageFacts(None, None, None)
        id_ = database.value(
            f"INSERT INTO content(sha256, bytes, blocks, {', '.join(FACT_COLUMNS)})"
            f" VALUES (?, ?, ?{', ?' * len(FACT_COLUMNS)}) RETURNING id",
            *(sha256, size, blocks, *known.columns()),
        )
    elif facts is not None:
        assignments = ", ".join(f"{name} = ?" for name in FACT_COLUMNS)
        database.run(
            f"UPDATE content SET {assignments}, blocks = coalesce(?, blocks) WHERE id = ?",
            *(*facts.columns(), blocks, id_),
        )
    return int(id_)


def add_vector(database: Database, content: int, model: int, data: bytes) -> None:
    """Append a vector to the change log. A second one for the same content and model is dropped."""
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
    """Accept a file whose content has a vector. Return the verdict if known bytes changed."""
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
    """Reject a file that cannot be embedded. Return the verdict if known bytes changed.

    `due`: when to try again, for failures that may be temporary; seconds since the epoch.
    """
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
    """Postpone reading a file that was changing, or whose reader failed (`failed`: count an attempt)."""
    database.run(
        "UPDATE file SET due = ?, attempts = attempts + ?, size = ?, mtime_ns = ?, ctime_ns = ?, inode = ?,"
        " betrayed = betrayed AND (size, mtime_ns, ctime_ns) = (?, ?, ?) WHERE id = ? AND state != 'gone'",
        *(due, int(failed), *seen, *seen.stamp, file),
    )


def declare_gone(database: Database, file: int) -> None:
    """Declare a file gone; its row keeps the content."""
    database.run("UPDATE file SET state = 'gone', reason = NULL, detail = NULL, due = NULL WHERE id = ?", file)


def count_attempt(database: Database, file: int) -> int:
    """Count a failed attempt to read a pending file; return the number of attempts, 0 if the file is not pending."""
    database.run("UPDATE file SET attempts = attempts + 1 WHERE id = ? AND state = 'pending'", file)
    return int(database.value("SELECT attempts FROM file WHERE id = ? AND state = 'pending'", file) or 0)


def give_up(database: Database, file: int, reason: RejectReason, detail: str, due: float) -> None:
    """Reject a pending file that could not be read. `due`: when to try again, seconds since the epoch."""
    database.run(
        "UPDATE file SET state = 'rejected', reason = ?, detail = ?, due = ? WHERE id = ? AND state = 'pending'",
        *(reason, detail, due, file),
    )
