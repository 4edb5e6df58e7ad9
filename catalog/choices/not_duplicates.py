"""Pairs that are no duplicates, because their owner said so. It holds for the contents, and for ever."""

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

from catalog import journal
from catalog.errors import Fault
from catalog.journal import Entry, iso, seconds
from catalog.store.database import Database

KIND = "apart"
HOLD = (
    "INSERT INTO apart(one, other, at) SELECT min(a.id, b.id), max(a.id, b.id), ? FROM content a, content b"
    " WHERE a.sha256 = ? AND b.sha256 = ? AND a.id != b.id ON CONFLICT DO NOTHING"
)
Content = tuple[bytes, int]  # sha256, bytes


def part(database: Database, state: Path, contents: list[Content], now: float) -> int:
    """None of these contents is a duplicate of another; returns the pairs that are new. Journal and table, or neither.

    Raises JournalFault, StoreFault.
    """
    written, count = None, 0
    try:
        with database.transaction():
            count = sum(_hold(database, one, other, now) for one, other in combinations(contents, 2))
            written = journal.append(state, (_entry(*pair, now) for pair in combinations(contents, 2)))
    except Fault:  # of the commit, once something is written
        if written is not None:
            journal.withdraw(state, written)
        raise
    return count


def replay(database: Database, state: Path) -> None:
    """Bring what the journal says into the table, where that was lost. In a transaction. Raises JournalFault."""
    for one, other, at in _said(state):
        _hold(database, one, other, at)


def parted(database: Database, content: int) -> set[int]:
    """The contents that are no duplicates of this one."""
    rows = database.rows(
        "SELECT other FROM apart WHERE one = ? UNION ALL SELECT one FROM apart WHERE other = ?", content, content
    )
    return {int(row[0]) for row in rows}


def _hold(database: Database, one: Content, other: Content, at: float) -> int:
    for sha256, size in (one, other):
        database.run("INSERT INTO content(sha256, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING", sha256, size)
    return database.run(HOLD, at, one[0], other[0])


def _entry(one: Content, other: Content, at: float) -> Entry:
    pair = [{"sha256": sha256.hex(), "bytes": size} for sha256, size in (one, other)]
    return {"at": iso(at), "kind": KIND, "pair": pair}


def _said(state: Path) -> Iterator[tuple[Content, Content, float]]:
    for entry in journal.read(state):
        if entry.get("kind") != KIND:
            continue
        try:
            one, other = ((bytes.fromhex(half["sha256"]), int(half["bytes"])) for half in entry["pair"])
            yield one, other, seconds(entry["at"])
        except (KeyError, ValueError, TypeError):
            continue
