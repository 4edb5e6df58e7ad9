"""The owner's choices. They hang on the content, so that every copy shares them and no move loses them.

The table answers queries; the journal is what is believed. Both are brought together at each start.

All labels with where their contents lie now, as far as they lie anywhere.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from catalog import journal
from catalog.choices.not_duplicates import restore_from_journal
from catalog.errors import CatalogError
from catalog.files.queries import files_with_content
from catalog.formatting import path_text
from catalog.journal import JournalEntry, format_timestamp, parse_timestamp
from catalog.store.database import Database

if TYPE_CHECKING:
    from catalog.json_types.labels import LabelJson

JOURNAL_KIND = "label"
CHOICE_VALUES = ("keep", "delete", "clear")  # `clear` takes back; it is in the journal and never in the table

LABELS_SQL = (
    "SELECT c.sha256, c.bytes, l.value, l.source, l.at,"
    " (SELECT CAST(d.path || '/' || f.name AS BLOB) FROM file f JOIN directory d ON d.id = f.directory"
    "  WHERE f.content = c.id LIMIT 1)"
    " FROM label l JOIN content c ON c.id = l.content"
)


class LabelChoice(NamedTuple):
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


class LabelDifference(NamedTuple):
    """Choices that the table lacks, and choices that the journal lacks."""

    unheld: list[LabelChoice]
    unsaid: list[LabelChoice]


def entry_from_choice(choice: LabelChoice) -> JournalEntry:
    """The choice as a line of the journal."""
    return {
        "at": format_timestamp(choice.at),
        "kind": JOURNAL_KIND,
        "value": choice.value,
        "sha256": choice.sha256.hex(),
        "bytes": choice.size,
        "path": path_text(choice.path),
        "source": choice.source,
    }


def choice_from_entry(entry: JournalEntry) -> LabelChoice | None:
    """The choice that a line of the journal tells; None where it tells another thing, or nonsense."""
    if entry.get("kind") != JOURNAL_KIND:
        return None
    try:
        found = LabelChoice(
            bytes.fromhex(entry["sha256"]),
            int(entry["bytes"]),
            entry["value"],
            str(entry["source"]),
            parse_timestamp(entry["at"]),
            str(entry["path"]).encode("utf-8", "surrogateescape"),
        )
    except (KeyError, ValueError, TypeError):
        return None
    return found if found.value in CHOICE_VALUES and len(found.sha256) == 32 and found.size >= 0 else None


def compare_choices(held: list[LabelChoice], said: Iterable[LabelChoice]) -> LabelDifference:
    """Bring together what the table holds and what the journal says, oldest first. Pure.

    The journal is written first, so where it knows what the table holds, its last word counts. What it does not
    know at all it must have lost, and the table counts. No clock is asked which of two is later: it may be set back.
    """
    last: dict[bytes, LabelChoice] = {}
    deeds: dict[bytes, set[tuple[str, float]]] = {}
    for choice in said:
        last[choice.sha256] = choice
        deeds.setdefault(choice.sha256, set()).add(choice.deed)
    unsaid: list[LabelChoice] = []
    for choice in held:
        if choice.deed not in deeds.get(choice.sha256, ()):
            unsaid.append(choice)
            last.pop(choice.sha256, None)
        elif last[choice.sha256].deed == choice.deed:
            del last[choice.sha256]
    kept = {choice.sha256 for choice in held}
    unheld = [choice for choice in last.values() if choice.value != "clear" or choice.sha256 in kept]
    return LabelDifference(unheld, unsaid)


def table_choices(database: Database) -> list[LabelChoice]:
    """The choices in the table."""
    return [LabelChoice(row[0], row[1], row[2], row[3], row[4], row[5] or b"") for row in database.rows(LABELS_SQL)]


def journal_choices(state: Path) -> list[LabelChoice]:
    """The choices in the journal, oldest first. Raises JournalFault."""
    return [choice for entry in journal.read(state) if (choice := choice_from_entry(entry)) is not None]


def effective_choices(database: Database, state: Path) -> dict[bytes, LabelChoice]:
    """The choices by sha256, as `agree` would leave them. Each path is the one that its owner named, if that is known.

    Raises JournalFault.
    """
    table, spoken = table_choices(database), list(journal_choices(state))
    named = {choice.sha256: choice.path for choice in spoken}
    found = {choice.sha256: choice for choice in [*table, *compare_choices(table, spoken).unheld]}
    return {
        sha256: choice._replace(path=named.get(sha256, choice.path))
        for sha256, choice in found.items()
        if choice.value != "clear"
    }


def store_choice(database: Database, choice: LabelChoice) -> None:
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


def record_choices(database: Database, state: Path, choices: list[LabelChoice]) -> None:
    """Make choices: into the journal, then into the table, all of them or none.

    Raises:
        JournalFault: the journal cannot be written. StoreFault: the catalog is locked or damaged.
    """
    written = None
    try:
        with database.transaction():
            for choice in choices:
                store_choice(database, choice)
            written = journal.append(state, map(entry_from_choice, choices))
    except CatalogError:  # of the commit, once something is written
        if written is not None:
            journal.undo_append(state, written)
        raise


def reconcile_with_journal(database: Database, state: Path) -> LabelDifference:
    """Bring table and journal together; returns what each was told. In a transaction. Raises JournalFault."""
    restore_from_journal(database, state)
    found = compare_choices(table_choices(database), journal_choices(state))
    for choice in found.unheld:
        store_choice(database, choice)
    journal.append(state, map(entry_from_choice, found.unsaid))
    return found


PAGE_ROWS = 1000
LABEL_PAGE_SQL = (
    "SELECT c.id, c.sha256, l.value, l.source, l.at FROM label l JOIN content c ON c.id = l.content"
    " WHERE c.id > ? ORDER BY c.id LIMIT ?"
)


def label_records(database: Database, known: dict[bytes, LabelChoice]) -> "Iterator[LabelJson]":
    """What `label list --json` promises, page by page. `path`: a file of `paths`, or where the owner saw it."""
    after = 0
    while rows := database.rows(LABEL_PAGE_SQL, after, PAGE_ROWS):
        for content, sha256, value, source, at in rows:
            paths = [path_text(entry.path) for entry in files_with_content(database, content)]
            named = path_text(known[sha256].path) if sha256 in known else ""
            yield {
                "path": paths[0] if paths else named,
                "label": value,
                "source": source,
                "at": format_timestamp(at),
                "sha256": sha256.hex(),
                "paths": paths,
            }
        after = rows[-1][0]
