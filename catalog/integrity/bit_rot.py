"""Files whose bytes a scrub found changed, and that their owner did not change: what became of each, from rows."""

from dataclasses import dataclass

from catalog.files.queries import FileEntry, entry_at, entry_by_id
from catalog.integrity.scrub_runs import HASH_MISMATCH_KIND, ScrubRun
from catalog.store.database import Database

AWAITING_REREAD = "waits to be read again"
MISMATCH_NOT_REPEATED = (
    "read well at the second look"  # a bad cable, a bad bit of memory: what is on the disk is as it was
)
DUE_SOON_SECONDS = 30.0  # seconds: what falls due within them is worth waiting for


@dataclass(frozen=True, slots=True)
class HashMismatch:
    """One file. `verdict`: the history's word for the change, or one of the above; `evidence`: why."""

    path: bytes
    verdict: str
    evidence: str | None
    state: str
    reason: str | None
    detail: str | None

    @property
    def lost(self) -> bool:
        """Whether other bytes stand there, as far as is known."""
        return self.verdict != MISMATCH_NOT_REPEATED


def hash_mismatches(database: Database, since: float) -> list[HashMismatch]:
    """What scrubs met since a time, in the order of paths; also what was judged rotten behind a new date."""
    met = database.rows(
        "SELECT path, min(at) FROM event WHERE kind = ? AND at >= ? AND path IS NOT NULL GROUP BY path",
        HASH_MISMATCH_KIND,
        since,
    )
    rotten = database.rows(
        "SELECT file, min(seen_at) FROM history WHERE verdict IN ('rot', 'rot?') AND seen_at >= ? GROUP BY file", since
    )
    found = {entry.id: (entry, at) for file, at in rotten if (entry := entry_by_id(database, file)) is not None}
    found |= {entry.id: (entry, at) for path, at in met if (entry := entry_at(database, path)) is not None}
    listed = sorted(found.values(), key=lambda one: one[0].path)
    return [_hash_mismatch(database, entry, at) for entry, at in listed if entry.state != "gone"]


def _hash_mismatch(database: Database, entry: FileEntry, at: float) -> HashMismatch:
    verdict, evidence = database.row(
        "SELECT verdict, evidence FROM history WHERE file = ? AND seen_at >= ? ORDER BY id DESC LIMIT 1", entry.id, at
    ) or (MISMATCH_NOT_REPEATED, None)
    word = AWAITING_REREAD if entry.state == "pending" else str(verdict)
    return HashMismatch(entry.path, word, evidence, entry.state, entry.reason, entry.detail)


def count_awaiting_reread(database: Database, run: ScrubRun) -> int:
    """How many files that differ wait to be read again: what is known of a changed one may be that it is damaged."""
    waiting = sum(one.verdict == AWAITING_REREAD for one in hash_mismatches(database, run.started))
    if run.changed and run.ended is not None:
        asked = "SELECT count(*) FROM file WHERE due <= ? AND state = 'pending' AND content IS NOT NULL"
        waiting += int(database.value(asked, run.ended + DUE_SOON_SECONDS))
    return waiting
