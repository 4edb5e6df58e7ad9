"""Files whose bytes were lost, as judged and not overruled since; and what the owner says about it."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from catalog import journal
from catalog.errors import UsageError
from catalog.files.history import add_history_row
from catalog.files.queries import FileEntry, entry_by_id, files_with_content
from catalog.filesystem.stat_signature import Signature
from catalog.formatting import path_text, printable_path
from catalog.journal import format_timestamp
from catalog.store.database import Database
from catalog.store.events import record_event
from catalog.verdict.case import DAMAGE_VERDICTS, Verdict, VerdictKind

ACCEPTED_KIND = "accepted"  # of an entry in the journal, and of an event

# A rotten picture that was tagged is a rotten picture still, and so is one that decayed further.
DAMAGE_PERSISTING_VERDICTS = (VerdictKind.METADATA, VerdictKind.CHANGED)
# By the index of rows that say so: they are few, and most of the history is not.
CURRENT_DAMAGE_SQL = (
    " FROM history h JOIN file f ON f.id = h.file AND f.state != 'gone' WHERE h.verdict IN ('rot', 'rot?')"
    " AND h.id = (SELECT id FROM history WHERE file = h.file AND verdict NOT IN ('metadata only', 'changed')"
    " ORDER BY id DESC LIMIT 1)"
)


class Damage(NamedTuple):
    """A file that has rotted, or may have. `at`: seconds since the epoch when that was found.

    `lost`: the SHA-256 of what it held before, in hex; `copies`: files that hold that and can be read now.
    """

    entry: FileEntry
    verdict: VerdictKind
    at: float
    evidence: str
    lost: str
    copies: list[FileEntry]


def count_damaged(database: Database) -> int:
    """How many files are damaged so."""
    return int(database.value("SELECT count(*)" + CURRENT_DAMAGE_SQL))


def damaged_files(database: Database) -> Iterator[Damage]:
    """All of them, the latest first."""
    rows = database.rows(
        "SELECT h.id, h.file, h.verdict, h.seen_at, h.evidence" + CURRENT_DAMAGE_SQL + " ORDER BY h.id DESC"
    )
    for row, file, verdict, at, evidence in rows:
        entry, lost = entry_by_id(database, file), _last_intact_content(database, file, row)
        if entry is not None and lost is not None:
            links = _hard_link_ids(database, file)
            copies = [one for one in files_with_content(database, lost[0]) if one.state == "ok" and one.id not in links]
            yield Damage(entry, VerdictKind(verdict), at, evidence or "", lost[1], copies)


def _last_intact_content(database: Database, file: int, row: int) -> tuple[int, str] | None:
    """The last content (id, SHA-256 in hex) that was whole, up to a row of the history."""
    whole, sick = None, False
    for content, sha256, verdict in database.rows(
        "SELECT c.id, lower(hex(c.sha256)), h.verdict FROM history h JOIN content c ON c.id = h.content"
        " WHERE h.file = ? AND h.id <= ? ORDER BY h.id",
        *(file, row),
    ):
        sick = verdict in DAMAGE_VERDICTS or (sick and verdict in DAMAGE_PERSISTING_VERDICTS)
        whole = whole if sick else (content, sha256)
    return whole


def _hard_link_ids(database: Database, file: int) -> set[int]:
    """The file itself and its hard links: other names of the same lost bytes, whether they were read since or not."""
    rows = database.rows(
        "SELECT o.id FROM file f JOIN directory d ON d.id = f.directory JOIN file o ON o.inode = f.inode"
        " JOIN directory e ON e.id = o.directory AND e.volume = d.volume WHERE f.id = ?",
        file,
    )
    return {row[0] for row in rows}


def acceptance_problem(database: Database, file: int) -> str:
    """Why there is nothing about this file to accept; "" where there is."""
    state = database.value("SELECT state FROM file WHERE id = ?", file)
    if state is None or state == "gone":
        return "is gone"
    if state == "pending":
        return "waits to be read again"
    return "" if database.row("SELECT 1" + CURRENT_DAMAGE_SQL + " AND f.id = ?", file) else "is not said to be damaged"


def accept_content(database: Database, state: Path, files: list[FileEntry], now: float) -> None:
    """The owner says that the bytes as they are known now are right: into the journal and the history, all or none.

    Raises:
        JournalFault: the journal cannot be written. StoreError: the catalog is locked or damaged.
        UsageError: other bytes were found meanwhile.
    """
    with database.transaction():
        for entry in files:
            content, mtime_ns = database.rows("SELECT content, mtime_ns FROM file WHERE id = ?", entry.id)[0]
            if content != entry.content:
                raise UsageError(
                    f"{printable_path(entry.path)} has changed just now: nothing was accepted", "Look at it again."
                )
            seen = Signature(entry.size, mtime_ns, 0, 0)
            add_history_row(database, entry.id, seen, content, now, Verdict(VerdictKind.ACCEPTED, "the owner says so"))
            record_event(database, now, ACCEPTED_KIND, entry.path)
        journal.append(state, [_journal_entry(entry, now) for entry in files])


def _journal_entry(entry: FileEntry, now: float) -> journal.JournalEntry:
    sha256 = (entry.sha256 or "").lower()
    return {
        "at": format_timestamp(now),
        "kind": ACCEPTED_KIND,
        "sha256": sha256,
        "bytes": entry.size,
        "path": path_text(entry.path),
    }
