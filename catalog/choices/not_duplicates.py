"""Pairs that are no duplicates, because their owner said so. It holds for the contents, and for ever."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from catalog import journal
from catalog.errors import CatalogError
from catalog.journal import JournalEntry, format_timestamp, parse_timestamp
from catalog.store.database import Database

JOURNAL_KIND = "apart"
INSERT_PAIR_SQL = (
    "INSERT INTO apart(one, other, at) SELECT min(a.id, b.id), max(a.id, b.id), ? FROM content a, content b"
    " WHERE a.sha256 = ? AND b.sha256 = ? AND a.id != b.id ON CONFLICT DO NOTHING"
)
ContentKey = tuple[bytes, int]  # sha256, bytes


def mark_not_duplicates(database: Database, state: Path, contents: list[ContentKey], now: float) -> int:
    """None of these contents is a duplicate of another; returns the pairs that are new. Journal and table, or neither.

    Raises JournalFault, StoreFault.
    """
    written, count = None, 0
    try:
        with database.transaction():
            count = sum(_store_pair(database, one, other, now) for one, other in combinations(contents, 2))
            written = journal.append(state, (_journal_entry(*pair, now) for pair in combinations(contents, 2)))
    except CatalogError:  # of the commit, once something is written
        if written is not None:
            journal.undo_append(state, written)
        raise
    return count


def restore_from_journal(database: Database, state: Path) -> None:
    """Bring what the journal says into the table, where that was lost. In a transaction. Raises JournalFault."""
    for one, other, at in _journal_pairs(state):
        _store_pair(database, one, other, at)


def not_duplicates_of(database: Database, content: int) -> set[int]:
    """The contents that are no duplicates of this one."""
    rows = database.rows(
        "SELECT other FROM apart WHERE one = ? UNION ALL SELECT one FROM apart WHERE other = ?", content, content
    )
    return {int(row[0]) for row in rows}


def _store_pair(database: Database, one: ContentKey, other: ContentKey, at: float) -> int:
    for sha256, size in (one, other):
        database.run("INSERT INTO content(sha256, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING", sha256, size)
    return database.run(INSERT_PAIR_SQL, at, one[0], other[0])


def _journal_entry(one: ContentKey, other: ContentKey, at: float) -> JournalEntry:
    pair = [{"sha256": sha256.hex(), "bytes": size} for sha256, size in (one, other)]
    return {"at": format_timestamp(at), "kind": JOURNAL_KIND, "pair": pair}


def _journal_pairs(state: Path) -> Iterator[tuple[ContentKey, ContentKey, float]]:
    for entry in journal.read(state):
        if entry.get("kind") != JOURNAL_KIND:
            continue
        try:
            one, other = ((bytes.fromhex(half["sha256"]), int(half["bytes"])) for half in entry["pair"])
            yield one, other, parse_timestamp(entry["at"])
        except (KeyError, ValueError, TypeError):
            continue
