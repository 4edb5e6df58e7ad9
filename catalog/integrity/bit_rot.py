"""Files whose bytes a scrub found changed without their owner changing them, and the verdict on each; from rows."""

from dataclasses import dataclass

from catalog.files.queries import FileEntry, entry_at, entry_by_id
from catalog.integrity.scrub_runs import HASH_MISMATCH_KIND, ScrubRun
from catalog.store.database import Database

AWAITING_REREAD = "waits to be read again"
MISMATCH_NOT_REPEATED = "read well at the second look"  # a bad cable or bad memory: the bytes on disk are unchanged
DUE_SOON_SECONDS = 30.0  # files due within this time are worth waiting for


@dataclass(frozen=True, slots=True)
class HashMismatch:
    """A file whose hash did not match. `verdict`: from the history, or one of the constants above."""

    path: bytes
    verdict: str
    evidence: str | None
    state: str
    reason: str | None
    detail: str | None

    @property
    def lost(self) -> bool:
        """Whether the file has other bytes now, as far as is known."""
        return self.verdict != MISMATCH_NOT_REPEATED


def hash_mismatches(database: Database, since: float) -> list[HashMismatch]:
    """Return the mismatches that scrubs found after `since`, by path; bit rot behind a new date is included."""
    mismatches = database.rows(
        "SELECT path, min(at) FROM event WHERE kind = ? AND at >= ? AND path IS NOT NULL GROUP BY path",
        HASH_MISMATCH_KIND,
        since,
    )
    rotten = database.rows(
        "SELECT file, min(seen_at) FROM history WHERE verdict IN ('rot', 'rot?') AND seen_at >= ? GROUP BY file", since
    )
    found = {entry.id: (entry, at) for file, at in rotten if (entry := entry_by_id(database, file)) is not None}
    found |= {entry.id: (entry, at) for path, at in mismatches if (entry := entry_at(database, path)) is not None}
    listed = sorted((entry.path, entry, at) for entry, at in found.values() if entry.state not in ("gone", "dropped"))
    return [_hash_mismatch(database, entry, at) for _, entry, at in listed]


def _hash_mismatch(database: Database, entry: FileEntry, at: float) -> HashMismatch:
    verdict, evidence = database.row(
        "SELECT verdict, evidence FROM history WHERE file = ? AND seen_at >= ? ORDER BY id DESC LIMIT 1", entry.id, at
    ) or (MISMATCH_NOT_REPEATED, None)
    shown = AWAITING_REREAD if entry.state == "pending" else str(verdict)
    return HashMismatch(entry.path, shown, evidence, entry.state, entry.reason, entry.detail)


def count_awaiting_reread(database: Database, run: ScrubRun) -> int:
    """Return how many changed files are not read again yet: that reading may find them damaged."""
    waiting = sum(mismatch.verdict == AWAITING_REREAD for mismatch in hash_mismatches(database, run.started))
    if run.changed and run.ended is not None:
        due_sql = "SELECT count(*) FROM file WHERE due <= ? AND state = 'pending' AND content IS NOT NULL"
        waiting += int(database.value(due_sql, run.ended + DUE_SOON_SECONDS))
    return waiting
