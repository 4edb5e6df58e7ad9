"""Pairs of contents that the owner marked as not duplicates. The marks are permanent."""

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
    """Mark that no two of these contents are duplicates; return the number of new pairs.

    The pairs are stored in the journal and in the table, or in neither. Raises JournalError if the journal cannot be
    written, StoreError if the catalog is locked or damaged.
    """
    written, count = None, 0
    try:
        with database.transaction():
            count = sum(_store_pair(database, one, other, now) for one, other in combinations(contents, 2))
            written = journal.append(state, (_journal_entry(*pair, now) for pair in combinations(contents, 2)))
    except CatalogError:  # if it is from the commit, the journal is already written
        if written is not None:
            journal.undo_append(state, written)
        raise
    return count


def restore_from_journal(database: Database, state: Path) -> None:
    """Add the pairs in the journal that the table lacks. Call in a transaction. Raises JournalError."""
    for one, other, at in _journal_pairs(state):
        _store_pair(database, one, other, at)


def not_duplicates_of(database: Database, content: int) -> set[int]:
    """Return the contents that are marked as not duplicates of this one."""
    rows = database.rows(
        "SELECT other FROM apart WHERE one = ? UNION ALL SELECT one FROM apart WHERE other = ?", content, content
    )
    return {int(marked) for (marked,) in rows}


def _store_pair(database: Database, one: ContentKey, other: ContentKey, at: float) -> int:
    for sha256, size in (one, other):
        database.run("INSERT INTO content(sha256, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING", sha256, size)
    (one_sha256, _), (other_sha256, _) = one, other
    return database.run(INSERT_PAIR_SQL, at, one_sha256, other_sha256)


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
