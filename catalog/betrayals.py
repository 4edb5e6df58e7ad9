"""Files whose bytes changed behind an unchanged name, size and date: what became of each, from rows."""

from dataclasses import dataclass

from catalog.db import Database
from catalog.entries import Entry, entry_at
from catalog.scrub_runs import BETRAYED

WAITS = "waits to be read again"
HEALED = "read well at the second look"  # a bad cable, a bad bit of memory: what is on the disk is as it was


@dataclass(frozen=True, slots=True)
class Betrayal:
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
        return self.verdict != HEALED


def betrayals(database: Database, since: float) -> list[Betrayal]:
    """What scrubs met since a time, in the order of paths."""
    rows = database.rows(
        "SELECT path, min(at) FROM event WHERE kind = ? AND at >= ? AND path IS NOT NULL GROUP BY path", BETRAYED, since
    )
    found = ((entry_at(database, path), at) for path, at in rows)
    return [_judge(database, entry, at) for entry, at in found if entry is not None and entry.state != "gone"]


def _judge(database: Database, entry: Entry, at: float) -> Betrayal:
    verdict, evidence = database.row(
        "SELECT verdict, evidence FROM history WHERE file = ? AND seen_at >= ? ORDER BY id DESC LIMIT 1", entry.id, at
    ) or (HEALED, None)
    word = WAITS if entry.state == "pending" else str(verdict)
    return Betrayal(entry.path, word, evidence, entry.state, entry.reason, entry.detail)


def unjudged(database: Database, since: float) -> int:
    """How many of them wait to be read again."""
    return sum(one.verdict == WAITS for one in betrayals(database, since))
