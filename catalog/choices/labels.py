"""The owner's choices. They hang on the content, so that every copy shares them and no move loses them.

The table answers queries; the journal is what is believed. Both are brought together at each start.

All labels with where their contents lie now, as far as they lie anywhere.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from catalog import journal
from catalog.choices.not_duplicates import replay
from catalog.errors import Fault
from catalog.files.queries import holders
from catalog.formatting import text
from catalog.journal import Entry, iso, seconds
from catalog.store.database import Database

KIND = "label"
VALUES = ("keep", "delete", "clear")  # `clear` takes back; it is in the journal and never in the table

HELD = (
    "SELECT c.sha256, c.bytes, l.value, l.source, l.at,"
    " (SELECT CAST(d.path || '/' || f.name AS BLOB) FROM file f JOIN directory d ON d.id = f.directory"
    "  WHERE f.content = c.id LIMIT 1)"
    " FROM label l JOIN content c ON c.id = l.content"
)


class Choice(NamedTuple):
    """What was chosen for a content of `size` bytes. `at`: seconds since the epoch, to the millisecond.

    `path`: where the owner saw it, for people; nothing hangs on it.
    """

    sha256: bytes
    size: int
    value: str
    source: str
    at: float
    path: bytes

    @property
    def deed(self) -> tuple[str, float]:
        """What tells one choice for a content from another."""
        return self.value, round(self.at, 3)


class Difference(NamedTuple):
    """Choices that the table lacks, and choices that the journal lacks."""

    unheld: list[Choice]
    unsaid: list[Choice]


def entry_of(choice: Choice) -> Entry:
    """The choice as a line of the journal."""
    return {
        "at": iso(choice.at),
        "kind": KIND,
        "value": choice.value,
        "sha256": choice.sha256.hex(),
        "bytes": choice.size,
        "path": text(choice.path),
        "source": choice.source,
    }


def choice_of(entry: Entry) -> Choice | None:
    """The choice that a line of the journal tells; None where it tells another thing, or nonsense."""
    if entry.get("kind") != KIND:
        return None
    try:
        found = Choice(
            bytes.fromhex(entry["sha256"]),
            int(entry["bytes"]),
            entry["value"],
            str(entry["source"]),
            seconds(entry["at"]),
            str(entry["path"]).encode("utf-8", "surrogateescape"),
        )
    except (KeyError, ValueError, TypeError):
        return None
    return found if found.value in VALUES and len(found.sha256) == 32 and found.size >= 0 else None


def compare(held: list[Choice], said: Iterable[Choice]) -> Difference:
    """Bring together what the table holds and what the journal says, oldest first. Pure.

    The journal is written first, so where it knows what the table holds, its last word counts. What it does not
    know at all it must have lost, and the table counts. No clock is asked which of two is later: it may be set back.
    """
    last: dict[bytes, Choice] = {}
    deeds: dict[bytes, set[tuple[str, float]]] = {}
    for choice in said:
        last[choice.sha256] = choice
        deeds.setdefault(choice.sha256, set()).add(choice.deed)
    unsaid: list[Choice] = []
    for choice in held:
        if choice.deed not in deeds.get(choice.sha256, ()):
            unsaid.append(choice)
            last.pop(choice.sha256, None)
        elif last[choice.sha256].deed == choice.deed:
            del last[choice.sha256]
    kept = {choice.sha256 for choice in held}
    unheld = [choice for choice in last.values() if choice.value != "clear" or choice.sha256 in kept]
    return Difference(unheld, unsaid)


def held(database: Database) -> list[Choice]:
    """The choices in the table."""
    return [Choice(row[0], row[1], row[2], row[3], row[4], row[5] or b"") for row in database.rows(HELD)]


def said(state: Path) -> list[Choice]:
    """The choices in the journal, oldest first. Raises JournalFault."""
    return [choice for entry in journal.read(state) if (choice := choice_of(entry)) is not None]


def believed(database: Database, state: Path) -> dict[bytes, Choice]:
    """The choices by sha256, as `agree` would leave them. Each path is the one that its owner named, if that is known.

    Raises JournalFault.
    """
    table, spoken = held(database), list(said(state))
    named = {choice.sha256: choice.path for choice in spoken}
    found = {choice.sha256: choice for choice in [*table, *compare(table, spoken).unheld]}
    return {
        sha256: choice._replace(path=named.get(sha256, choice.path))
        for sha256, choice in found.items()
        if choice.value != "clear"
    }


def hold(database: Database, choice: Choice) -> None:
    """Put a choice into the table. Its content need not be on any disk by now. In a transaction."""
    database.run("INSERT INTO content(sha256, bytes) VALUES (?, ?) ON CONFLICT DO NOTHING", choice.sha256, choice.size)
    if choice.value == "clear":
        database.run("DELETE FROM label WHERE content = (SELECT id FROM content WHERE sha256 = ?)", choice.sha256)
        return
    database.run(
        "INSERT INTO label(content, value, source, at) SELECT id, ?, ?, ? FROM content WHERE sha256 = ?"
        " ON CONFLICT (content) DO UPDATE SET value = excluded.value, source = excluded.source, at = excluded.at",
        *(choice.value, choice.source, choice.at, choice.sha256),
    )


def choose(database: Database, state: Path, choices: list[Choice]) -> None:
    """Make choices: into the journal, then into the table, all of them or none.

    Raises:
        JournalFault: the journal cannot be written. StoreFault: the catalog is locked or damaged.
    """
    written = None
    try:
        with database.transaction():
            for choice in choices:
                hold(database, choice)
            written = journal.append(state, map(entry_of, choices))
    except Fault:  # of the commit, once something is written
        if written is not None:
            journal.withdraw(state, written)
        raise


def agree(database: Database, state: Path) -> Difference:
    """Bring table and journal together; returns what each was told. In a transaction. Raises JournalFault."""
    replay(database, state)
    found = compare(held(database), said(state))
    for choice in found.unheld:
        hold(database, choice)
    journal.append(state, map(entry_of, found.unsaid))
    return found


PAGE = 1000
ROWS = (
    "SELECT c.id, c.sha256, l.value, l.source, l.at FROM label l JOIN content c ON c.id = l.content"
    " WHERE c.id > ? ORDER BY c.id LIMIT ?"
)


def label_lines(database: Database, known: dict[bytes, Choice]) -> Iterator[dict[str, Any]]:
    """What `label list --json` promises, page by page. `path`: a file of `paths`, or where the owner saw it."""
    after = 0
    while rows := database.rows(ROWS, after, PAGE):
        for content, sha256, value, source, at in rows:
            paths = [text(entry.path) for entry in holders(database, content)]
            named = text(known[sha256].path) if sha256 in known else ""
            yield {
                "path": paths[0] if paths else named,
                "label": value,
                "source": source,
                "at": iso(at),
                "sha256": sha256.hex(),
                "paths": paths,
            }
        after = rows[-1][0]
