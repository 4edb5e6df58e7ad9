"""Files that lost bytes to bit rot, and the owner's decision to accept one as it is."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from catalog import journal
from catalog.duplicates.disk_layout import DiskLayout, disk_layout
from catalog.errors import UsageError
from catalog.files.history import add_history_row
from catalog.files.queries import FileEntry, entry_by_id, files_with_content
from catalog.filesystem.stat_signature import Signature
from catalog.formatting import path_text, printable_path
from catalog.journal import format_timestamp
from catalog.store.database import Database
from catalog.store.events import record_event
from catalog.store.volumes import NOT_DROPPED_SQL
from catalog.verdict.case import DAMAGE_VERDICTS, Verdict, VerdictKind

ACCEPTED_KIND = "accepted"  # of a journal entry, and of an event

# A damaged image that is tagged, or decays further, is still damaged.
DAMAGE_PERSISTING_VERDICTS = (VerdictKind.METADATA, VerdictKind.CHANGED)
# Starts from the index of damage verdicts, which are few; most of the history is not.
CURRENT_DAMAGE_SQL = (
    " FROM history h JOIN file f ON f.id = h.file AND f.state != 'gone' WHERE h.verdict IN ('rot', 'rot?')"
    " AND h.id = (SELECT id FROM history WHERE file = h.file AND verdict NOT IN ('metadata only', 'changed')"
    " ORDER BY id DESC LIMIT 1) AND EXISTS (SELECT 1 FROM directory d JOIN volume v ON v.id = d.volume"
    f" WHERE d.id = f.directory AND {NOT_DROPPED_SQL})"
)


class Damage(NamedTuple):
    """A file with bit rot, certain or likely. `at`: when it was found, in seconds since the epoch.

    `lost`: the SHA-256 of its last intact content, in hex. `copies`: readable files with that content.
    """

    entry: FileEntry
    verdict: VerdictKind
    at: float
    evidence: str
    lost: str
    copies: list[FileEntry]


def count_damaged(database: Database) -> int:
    """Return the number of damaged files."""
    return int(database.value("SELECT count(*)" + CURRENT_DAMAGE_SQL))


def damaged_files(database: Database) -> Iterator[Damage]:
    """Yield all damaged files, the latest found first."""
    layout = disk_layout(database)
    rows = database.rows(
        "SELECT h.id, h.file, h.verdict, h.seen_at, h.evidence" + CURRENT_DAMAGE_SQL + " ORDER BY h.id DESC"
    )
    for row, file, verdict, at, evidence in rows:
        entry, intact = entry_by_id(database, file), _last_intact_content(database, file, row)
        if entry is not None and intact is not None:
            content, lost = intact
            links, holders = _hard_link_ids(database, file, layout), files_with_content(database, content)
            copies = [copy for copy in holders if copy.state == "ok" and copy.id not in links]
            yield Damage(entry, VerdictKind(verdict), at, evidence or "", lost, copies)


def _last_intact_content(database: Database, file: int, last_row: int) -> tuple[int, str] | None:
    """Return the id and SHA-256 (in hex) of the last intact content in the history of a file, up to a row."""
    intact, damaged = None, False
    for content, sha256, verdict in database.rows(
        "SELECT c.id, lower(hex(c.sha256)), h.verdict FROM history h JOIN content c ON c.id = h.content"
        " WHERE h.file = ? AND h.id <= ? ORDER BY h.id",
        *(file, last_row),
    ):
        damaged = verdict in DAMAGE_VERDICTS or (damaged and verdict in DAMAGE_PERSISTING_VERDICTS)
        intact = intact if damaged else (content, sha256)
    return intact


def _hard_link_ids(database: Database, file: int, layout: DiskLayout) -> set[int]:
    """Return the ids of the file and its hard links: names of the same lost bytes, whether read since or not.

    So is what a bind mount or a root that is a symbolic link shows of it.
    """
    rows = database.rows(
        "SELECT o.id, d.volume, d.path, e.volume, e.path FROM file f JOIN directory d ON d.id = f.directory"
        " JOIN file o ON o.inode = f.inode JOIN directory e ON e.id = o.directory WHERE f.id = ?",
        file,
    )
    return {
        id_
        for id_, volume, path, other_volume, other_path in rows
        if layout.inode_space(volume, path) == layout.inode_space(other_volume, other_path)
    }


def acceptance_problem(database: Database, file: int) -> str:
    """Return why a file cannot be accepted, worded to follow its path; "" where it can."""
    state = database.value("SELECT state FROM file WHERE id = ?", file)
    if state is None or state == "gone":
        return "is gone"
    if state == "pending":
        return "waits to be read again"
    return "" if database.row("SELECT 1" + CURRENT_DAMAGE_SQL + " AND f.id = ?", file) else "is not listed as damaged"


def accept_content(database: Database, state: Path, files: list[FileEntry], now: float) -> None:
    """Record in journal and history that the owner accepts the current content of these files, all or none.

    Raises JournalError if the journal cannot be written, StoreError if the catalog is locked or damaged, UsageError if
    a file has other bytes by now.
    """
    with database.transaction():
        for entry in files:
            ((content, mtime_ns),) = database.rows("SELECT content, mtime_ns FROM file WHERE id = ?", entry.id)
            if content != entry.content:
                raise UsageError(
                    f"{printable_path(entry.path)} has just changed: nothing was accepted", "Look at it again."
                )
            seen = Signature(entry.size, mtime_ns, 0, 0)
            verdict = Verdict(VerdictKind.ACCEPTED, "accepted by the owner")
            add_history_row(database, entry.id, seen, content, now, verdict)
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
